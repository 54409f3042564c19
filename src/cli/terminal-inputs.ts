import {
  isFinalEvent,
  OpstreamClientError,
  type FollowedEvent,
  type JsonValue,
  type RestClient,
} from '../client/index.js';
import type { Printer } from './terminal/printer.js';
import { askAtTerminal } from './terminal/question.js';

interface Question {
  readonly key: string;
  readonly message: string;
  readonly schema?: Parameters<typeof askAtTerminal>[0]['schema'];
  readonly seq: number;
}

/** Asks at the terminal what a watched operation asks for, one question at a time. */
export class TerminalInputs {
  private readonly open = new Map<string, Question>();
  private asking: { readonly key: string; readonly stop: AbortController } | undefined;

  constructor(
    private readonly rest: RestClient,
    private readonly operationId: string,
    /** Without a terminal nobody is asked. */
    private readonly enabled: boolean,
    private readonly signal: AbortSignal,
    private readonly printer: Printer,
  ) {}

  opened(question: Question): void {
    const known = this.open.get(question.key);
    if (known && known.seq >= question.seq) return;
    this.open.set(question.key, question);
    void this.next();
  }

  apply(event: FollowedEvent): void {
    if (event.event_type === 'history_trimmed' || event.event_type === 'history_lost') return;
    if (isFinalEvent(event)) {
      this.open.clear();
      this.asking?.stop.abort();
      return;
    }
    const input = event.event_type === 'status' ? event.data.input : undefined;
    if (!input) return;
    const { key, schema = null } = input;
    if (input.state === 'requested') {
      return this.opened({
        key,
        message: (event.data as { message?: string }).message ?? '',
        schema,
        seq: event.seq,
      });
    }
    if (this.open.get(key)?.seq === input.request_seq) this.open.delete(key);
    if (this.asking?.key === key) this.asking.stop.abort();
  }

  private async next(): Promise<void> {
    if (!this.enabled || this.asking) return;
    const [question] = this.open.values();
    if (!question) return;
    const { key, seq } = question;
    const stop = new AbortController();
    this.asking = { key, stop };
    const answer = await askAtTerminal(question, AbortSignal.any([stop.signal, this.signal]));
    // The input ended, or Ctrl-D: others may still answer.
    if (answer === undefined && this.open.get(key)?.seq === seq) this.open.delete(key);
    if (answer !== undefined) await this.send(key, seq, answer as JsonValue);
    this.asking = undefined;
    void this.next();
  }

  private async send(key: string, seq: number, answer: JsonValue): Promise<void> {
    try {
      await this.rest.answerInput(this.operationId, key, answer);
    } catch (error) {
      this.printer.notice(error instanceof Error ? error.message : String(error));
      // Not accepted: it is asked again, since the request stays open.
      if (error instanceof OpstreamClientError && error.code === 'input_rejected') return;
    }
    if (this.open.get(key)?.seq === seq) this.open.delete(key);
  }
}
