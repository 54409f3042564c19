import type { Responder } from '../session/responder.js';
import type { PeerChannel } from './peer-channel.js';

/** A channel as the responder of every request that the peer makes over it. */
export class ChannelResponder implements Responder {
  readonly carriesRequests = true;
  private wroteThisTurn = false;

  constructor(private readonly channel: Pick<PeerChannel, 'send' | 'drained'>) {}

  send(message: string): void {
    this.channel.send(message);
    if (this.wroteThisTurn) return;
    this.wroteThisTurn = true;
    setImmediate(() => (this.wroteThisTurn = false));
  }

  /** An answer never shares a write with an earlier message: clients lose progress that arrives with its result. */
  respond(message: string): void {
    if (this.wroteThisTurn) setImmediate(() => this.respond(message));
    else this.channel.send(message);
  }

  close(): void {}

  drained(): Promise<void> | undefined {
    return this.channel.drained();
  }
}
