import type { RpcMessage } from '../protocol/json-rpc.js';
import type { Responder } from '../session/responder.js';

/** Where the answers to a whole batch go. */
export interface BatchResponder extends Responder {
  /** At least one answer, unless all requests were given up. */
  respondAll(messages: readonly string[]): void;
}

/** Notifications and answers expect none; what is malformed gets its error. */
export function expectsAnswer({ kind }: RpcMessage): boolean {
  return kind === 'request' || kind === 'malformed';
}

/** Puts the answers to one batch together. */
export class BatchAnswers {
  private readonly answers: string[] = [];

  /** @param missing how many messages expect an answer */
  constructor(
    private readonly whole: BatchResponder,
    private missing: number,
  ) {}

  /** Where one message of the batch is answered. */
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
