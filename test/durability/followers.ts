import { WebSocket } from 'ws';
import type { SeenEvent } from './watchers.js';

/** What a follower was sent: an event, or the word that its place in the log is gone. */
export type Item = { readonly event: SeenEvent } | { readonly trimmed: true };

/** Follows one operation (or, without an id, all of them) over connections that the test cuts and resumes. */
export abstract class Follower {
  readonly items: Item[] = [];
  connected = false;

  constructor(
    readonly base: string,
    readonly operationId: string | null,
  ) {}

  get events(): SeenEvent[] {
    return this.items.flatMap((item) => ('event' in item ? [item.event] : []));
  }

  get told(): boolean {
    return this.items.some((item) => 'trimmed' in item);
  }

  /** Seq or position of the newest event it has, where it resumes; 0 at the beginning. */
  get cursor(): number {
    const last = this.events.at(-1);
    return last === undefined ? 0 : this.operationId === null ? Number(last.position) : last.seq;
  }

  /** Opens a connection that continues after the cursor. */
  abstract connect(): Promise<void>;

  /** Ends the connection without a word; what was on its way is lost. */
  abstract cut(): Promise<void>;

  /** Stops and goes on reading what arrives. */
  abstract stall(stalled: boolean): void;
}

function isLoss(type: string | undefined): boolean {
  return type === 'history_trimmed' || type === 'history_lost';
}

export class HubFollower extends Follower {
  private socket: WebSocket | undefined;

  async connect(): Promise<void> {
    await this.cut();
    const socket = new WebSocket(`${this.base.replace('http', 'ws')}/hub`);
    this.socket = socket;
    this.connected = true;
    socket.on('message', (frame: Buffer) => {
      if (this.socket !== socket) return;
      const message = JSON.parse(frame.toString()) as Partial<SeenEvent>;
      if (isLoss(message.event_type)) this.items.push({ trimmed: true });
      else if (message.seq !== undefined) this.items.push({ event: message as SeenEvent });
    });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('open', resolve));
    const follow =
      this.operationId === null
        ? { command: 'subscribe_all', after: String(this.cursor) }
        : { command: 'subscribe', operation_id: this.operationId, after_seq: this.cursor };
    socket.send(JSON.stringify(follow));
  }

  async cut(): Promise<void> {
    const socket = this.socket;
    this.socket = undefined;
    this.connected = false;
    // The service may have gone, and the connection with it.
    if (!socket || socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.terminate();
    await closed;
  }

  stall(stalled: boolean): void {
    if (stalled) this.socket?.pause();
    else this.socket?.resume();
  }
}

export class SseFollower extends Follower {
  private aborter: AbortController | undefined;
  private gate: Promise<void> = Promise.resolve();
  private open: () => void = () => {};

  async connect(): Promise<void> {
    await this.cut();
    const aborter = new AbortController();
    this.aborter = aborter;
    this.connected = true;
    const path = this.operationId === null ? '/api/stream' : `/api/operations/${this.operationId}/stream`;
    const response = await fetch(this.base + path, {
      headers: { 'Last-Event-ID': String(this.cursor) },
      signal: aborter.signal,
    });
    // 404: the operation is gone, which says it as well.
    if (response.status === 404) this.items.push({ trimmed: true });
    if (response.status !== 200 || response.body === null) this.connected = false;
    else void this.read(response.body, aborter);
  }

  async cut(): Promise<void> {
    this.aborter?.abort();
    this.aborter = undefined;
    this.connected = false;
  }

  stall(stalled: boolean): void {
    this.open();
    this.gate = stalled ? new Promise((resolve) => (this.open = resolve)) : Promise.resolve();
  }

  private async read(body: ReadableStream<Uint8Array>, aborter: AbortController): Promise<void> {
    let rest = '';
    try {
      for await (const text of body.pipeThrough(new TextDecoderStream())) {
        await this.gate;
        if (this.aborter !== aborter) return;
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop()!;
        for (const block of blocks) this.take(block);
      }
    } catch {
      // Cut.
    }
    if (this.aborter === aborter) this.connected = false;
  }

  private take(block: string): void {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (data === undefined) return;
    const type = /^event: (.*)$/m.exec(block)?.[1];
    // Where the stream begins, and which operation was removed: no events of the log.
    if (type === 'position' || type === 'operation_removed') return;
    if (isLoss(type)) this.items.push({ trimmed: true });
    else this.items.push({ event: JSON.parse(data) as SeenEvent });
  }
}
