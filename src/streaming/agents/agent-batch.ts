import { isJsonObject, type JsonObject, type JsonValue } from '../../platform/json.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import type { CommandSession } from '../commands/command-session.js';
import { refusal, success, unknownTypeText } from './agent-answer.js';
import type { AgentCommands } from './agent-commands.js';

const MAX_MESSAGES = 1000;
/** Bytes of all answers together; later messages are refused before they are executed. */
const MAX_ANSWER_BYTES = 512 * 1024;
/** One more answer and the refusals of the rest still fit into a message that every client accepts. */
const MAX_LAST_BYTES = 128 * 1024;

/** The messages of one batch, executed in order and answered in place; a bad one fails alone. */
export class AgentBatch {
  private answered = 0;

  constructor(
    private readonly session: CommandSession,
    private readonly commands: AgentCommands,
    /** Called with our own failures. */
    private readonly onFailure: (thrown: unknown) => void,
  ) {}

  /**
   * @returns one answer per message, as JSON
   * @throws OpstreamError `invalid_request` when it is not a batch; then nothing was executed
   */
  async run(messages: JsonValue | undefined): Promise<string[]> {
    if (!Array.isArray(messages)) throw new OpstreamError('invalid_request', 'Invalid batch message format');
    if (messages.length > MAX_MESSAGES) {
      throw new OpstreamError('payload_too_large', `A batch has at most ${MAX_MESSAGES} messages`);
    }
    const answers: Promise<string>[] = [];
    for (const item of messages as readonly JsonValue[]) {
      const input = isJsonObject(item) ? item : {};
      const answer = this.answer(input);
      answers.push(answer);
      // Appends are pipelined; anything else must finish before the next one starts.
      const appends = this.commands.find(input)?.definition.append === true;
      if (!appends || this.session.crowded) await answer;
    }
    return Promise.all(answers);
  }

  private async answer(input: JsonObject): Promise<string> {
    let text: string;
    try {
      text = success(input.id, await this.perform(input), false);
    } catch (thrown) {
      const error = toOpstreamError(thrown);
      if (error.code === 'internal') this.onFailure(thrown);
      text = refusal(input.id, error, false);
    }
    const bytes = Buffer.byteLength(text);
    if (this.answered + bytes > MAX_ANSWER_BYTES + MAX_LAST_BYTES) {
      const tooLarge = new OpstreamError(
        'payload_too_large',
        'The answer is too large for this batch; request it separately',
      );
      text = refusal(input.id, tooLarge, false);
      // Later messages are not executed.
      this.answered = MAX_ANSWER_BYTES + 1;
    }
    this.answered += Buffer.byteLength(text);
    return text;
  }

  private async perform(input: JsonObject): Promise<string> {
    if (input.type === 'batch') {
      throw new OpstreamError('invalid_request', 'A batch cannot hold another batch');
    }
    const command = this.commands.find(input);
    if (command === undefined) throw new OpstreamError('invalid_request', unknownTypeText(input.type));
    if (this.answered > MAX_ANSWER_BYTES) {
      throw new OpstreamError(
        'payload_too_large',
        'The answers of this batch are too large: this message was not executed; send it in another batch',
      );
    }
    let result = '{}';
    const reply = { requestId: undefined, send: (text: string): void => void (result = text) };
    await this.session.perform(command.definition, input, reply);
    return result;
  }
}
