import type { RpcMessage } from '../protocol/json-rpc.js';
import type { Responder } from '../session/responder.js';

/** Receives the answers to a whole batch. */
export interface BatchResponder extends Responder {
  /** At least one answer, unless all requests were cancelled. */
  respondAll(messages: readonly string[]): void;
}

/** Notifications and answers expect no answer; a malformed message gets its error. */
export function expectsAnswer({ kind }: RpcMessage): boolean {
  return kind === 'request' || kind === 'malformed';
}

/** Collects the answers to one batch. */
export class BatchAnswers {
  private readonly answers: string[] = [];

  /** @param missing how many messages expect an answer */
  constructor(
    private readonly whole: BatchResponder,
    private missing: number,
  ) {}

  /** The responder for one message of the batch. */
  responder(): Responder {
    const { whole } = this;
    return {
      carriesRequests: whole.carriesRequests,
      send: (message) => whole.send(message),
      respond: (message) => this.add(message),
      close: () => this.add(undefined),
      pause: (retryMs) => whole.pause?.(retryMs),
      drained: () => whole.drained(),
    };
  }

  private add(answer: string | undefined): void {
    if (answer !== undefined) this.answers.push(answer);
    this.missing -= 1;
    if (this.missing === 0) this.whole.respondAll(this.answers);
  }
}
