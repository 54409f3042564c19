import { InputClosedError } from '../../operations/input-closed-error.js';
import type { InputsService } from '../../operations/inputs.service.js';
import type { OperationKey } from '../../operations/operation-key.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { isObject, type Params } from '../protocol/json-rpc.js';
import type { InputRequest } from '../tools/tool-context.js';

/** One question of a call, open in its operation's log: anybody with permission may answer it. */
export interface OpenQuestion {
  /** The answer that counts, as the result of an elicitation; rejects when the call is over. */
  readonly outcome: Promise<Params>;
  /** Gives the client's answer. @returns the answer that counts: another one may have been first */
  settle(answer: unknown): Promise<unknown>;
  /** The client cannot answer, and the tool will not wait. */
  withdraw(): void;
}

/** The questions of one recorded call in the log of its operation. */
export class InputDoor {
  constructor(
    private readonly inputs: InputsService,
    private readonly operation: OperationKey,
    /** Who answers for the client. */
    private readonly userId: string,
  ) {}

  /**
   * Opens a question, if it is a form.
   * @param signal ends the wait for its answer
   * @returns undefined for other questions, and when it could not be recorded: then only the client is asked
   */
  async open(key: string, request: InputRequest, signal: AbortSignal): Promise<OpenQuestion | undefined> {
    if (request.method !== 'elicitation/create' || request.params.mode === 'url') return undefined;
    const { message, requestedSchema: schema } = request.params;
    let seq: number;
    try {
      ({ seq } = await this.inputs.request(this.operation, { key, message, schema }));
    } catch {
      return undefined;
    }
    const outcome = this.outcome(key, seq, signal);
    outcome.catch(() => {});
    return {
      outcome,
      settle: (answer) => this.settle(key, answer, outcome),
      withdraw: () => void this.inputs.withdraw(this.operation, key, null).catch(() => {}),
    };
  }

  private async outcome(key: string, seq: number, signal: AbortSignal): Promise<Params> {
    try {
      const { answer } = await this.inputs.outcome(this.operation, key, seq, signal);
      return { action: 'accept', content: answer };
    } catch (error) {
      if (!(error instanceof InputClosedError)) throw error;
      return { action: error.outcome === 'declined' ? 'decline' : 'cancel' };
    }
  }

  private async settle(key: string, answer: unknown, outcome: Promise<Params>): Promise<unknown> {
    const { action, content } = isObject(answer) ? answer : {};
    try {
      if (action === 'accept') {
        await this.inputs.answer(this.operation, key, { answer: content ?? {}, by: this.userId });
      } else if (action === 'decline') {
        await this.inputs.answer(this.operation, key, { answer: undefined, by: this.userId, declined: true });
      } else await this.inputs.withdraw(this.operation, key, this.userId);
    } catch (error) {
      if (error instanceof OpstreamError && error.code === 'input_closed') return outcome;
      // Failing to record never breaks the work.
    }
    return answer;
  }
}
