import { isJsonObject, type JsonObject } from '../../platform/json.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import type { Connection } from '../socket/connection.js';
import { Inbox } from '../socket/inbox.js';
import { parseFrame } from '../socket/parse-frame.js';
import { AnswerOrder } from '../commands/answer-order.js';
import type { CommandExtensions } from '../commands/command-extensions.js';
import { CommandSession, type CommandDefinition, type Reply } from '../commands/command-session.js';
import type { RequestId } from '../../client/protocol/hub-commands.js';
import { errorAnswer } from '../commands/answer.js';
import { HUB_COMMANDS } from '../commands/hub-commands.js';
import { hubFormatFor } from './hub-format.js';
import type { CommandDependencies } from '../commands/command-dependencies.js';

/** Answers held back by an earlier one, and their characters; above either limit the next frame waits. */
const MAX_WAITING_ANSWERS = 20_000;
const MAX_HELD_CHARACTERS = 1024 * 1024;
/** Characters of a `request_id`, which comes back with every answer. */
const MAX_REQUEST_ID = 200;

/** A parsed frame. */
interface HubRequest extends Reply {
  readonly definition: CommandDefinition;
  readonly input: JsonObject;
}

/** One client of the hub: executes and answers its commands in order. */
export class HubSession {
  private readonly commands: CommandSession;
  private readonly inbox: Inbox;
  private readonly answers: AnswerOrder;
  private autoMonitor: NodeJS.Timeout | undefined;

  constructor(
    readonly connection: Connection,
    private readonly dependencies: CommandDependencies,
    private readonly extensions: CommandExtensions,
  ) {
    this.answers = new AnswerOrder((text) => connection.send(text));
    this.inbox = new Inbox(
      connection,
      (frame) => this.handle(frame),
      (thrown) => dependencies.reportFailure(thrown),
    );
    this.commands = new CommandSession(connection, dependencies, {
      format: hubFormatFor(connection),
      subscriptionFailed: (thrown, operationId) =>
        errorAnswer(undefined, toOpstreamError(thrown), operationId ?? undefined),
    });
  }

  get tenant(): string {
    return this.commands.tenant;
  }

  /** A client that stays silent this long follows everything until its first command; 0 disables this. */
  startAutoMonitor(afterMs: number): void {
    if (afterMs === 0) return;
    this.autoMonitor = setTimeout(() => {
      if (!this.connection.open || !this.connection.principal.scopes.has('operations:read')) return;
      this.commands.following.subscribeAll(undefined, false);
    }, afterMs).unref();
  }

  receive(frame: Buffer): void {
    if (this.autoMonitor !== undefined) this.endAutoMonitor();
    this.inbox.receive(frame);
  }

  close(): void {
    clearTimeout(this.autoMonitor);
    this.inbox.close();
    this.commands.following.close();
  }

  private endAutoMonitor(): void {
    clearTimeout(this.autoMonitor);
    this.autoMonitor = undefined;
    this.commands.following.unsubscribeAll();
  }

  /** @returns a promise only when the next command has to wait for this one */
  private handle(frame: Buffer): Promise<void> | undefined {
    // Refusals wait for the appends before them; only a limited number is held.
    if (this.answers.waiting > MAX_WAITING_ANSWERS || this.answers.heldCharacters > MAX_HELD_CHARACTERS) {
      return this.commands.appendsSettled().then(() => this.handle(frame));
    }
    const request = this.parse(frame, this.answers.next());
    if (request === undefined) return undefined;
    const { definition, input } = request;
    try {
      const performed = this.commands.perform(definition, input, request);
      if (!performed) return undefined;
      const answered = performed.catch((thrown: unknown) => this.refuse(request, thrown));
      return definition.append && !this.commands.crowded ? undefined : answered;
    } catch (thrown) {
      this.refuse(request, thrown);
      return undefined;
    }
  }

  private refuse({ requestId, input, send }: HubRequest, thrown: unknown): void {
    const error = toOpstreamError(thrown);
    if (error.code === 'internal') this.dependencies.reportFailure(thrown);
    const { operation_id: id } = input;
    send(errorAnswer(requestId, error, typeof id === 'string' ? id.slice(0, 200) : undefined));
  }

  /** Frames that are not commands count against the rate limit, too. */
  private refuseFrame(send: Reply['send'], refusal: OpstreamError, requestId?: RequestId): undefined {
    try {
      this.commands.gate.count();
      send(errorAnswer(requestId, refusal));
    } catch (thrown) {
      send(errorAnswer(requestId, toOpstreamError(thrown)));
    }
  }

  private parse(frame: Buffer, send: Reply['send']): HubRequest | undefined {
    let input: unknown;
    try {
      input = parseFrame(frame);
    } catch (thrown) {
      const refusal = toOpstreamError(thrown);
      const { code } = refusal;
      const worded = code === 'invalid_json' ? new OpstreamError(code, 'Invalid JSON') : refusal;
      return this.refuseFrame(send, worded);
    }
    if (!isJsonObject(input)) {
      const refusal = new OpstreamError('invalid_request', 'A command must be a JSON object');
      return this.refuseFrame(send, refusal);
    }
    const requestId = requestIdOf(input);
    const name = input.command ?? 'None';
    const definition =
      typeof name === 'string' ? (HUB_COMMANDS.get(name) ?? this.extensions.get(name)) : undefined;
    if (definition === undefined) {
      const shown = (typeof name === 'string' ? name : JSON.stringify(name)).slice(0, 100);
      const refusal = new OpstreamError('invalid_request', `Unknown command: ${shown}`);
      return this.refuseFrame(send, refusal, requestId);
    }
    if (requestId === undefined && input.request_id != null) {
      // An answer without it would not be recognized, and waited for in vain.
      const refusal = new OpstreamError(
        'invalid_request',
        `request_id must be a number, or a string of at most ${MAX_REQUEST_ID} characters`,
      );
      return this.refuseFrame(send, refusal);
    }
    return { definition, input, requestId, send };
  }
}

function requestIdOf({ request_id: id }: JsonObject): RequestId | undefined {
  return (typeof id === 'string' && id.length <= MAX_REQUEST_ID) || typeof id === 'number' ? id : undefined;
}
