import { Logger } from '@nestjs/common';
import { isJsonObject, type JsonObject, type JsonValue } from '../../platform/json.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import { CommandSession } from '../commands/command-session.js';
import type { CommandDependencies } from '../commands/command-dependencies.js';
import type { Connection } from '../socket/connection.js';
import { Inbox } from '../socket/inbox.js';
import type { MessageLogger } from '../socket/message-logger.js';
import { parseFrame } from '../socket/parse-frame.js';
import { batchResponse, failure, refusal, shownType, success, unknownType } from './agent-answer.js';
import { AgentBatch } from './agent-batch.js';
import { AgentCommands, type AgentCommand } from './agent-commands.js';
import { agentFormatFor } from './agent-format.js';
import type { AgentRoom } from './agent-room.js';

/** One connection of the agents protocol: executes and answers its messages in order. */
export class AgentSession {
  private readonly logger = new Logger('Agents');
  private readonly session: CommandSession;
  private readonly commands: AgentCommands;
  private readonly inbox: Inbox;

  constructor(
    readonly connection: Connection,
    private readonly dependencies: CommandDependencies,
    private readonly log: MessageLogger,
    room: AgentRoom,
  ) {
    this.inbox = new Inbox(
      connection,
      (frame) => this.handle(frame),
      (thrown) => dependencies.reportFailure(thrown),
    );
    this.commands = new AgentCommands(room, this.logger);
    this.session = new CommandSession(connection, dependencies, {
      format: agentFormatFor(connection),
      subscriptionFailed: (thrown, operationId) =>
        refusal(operationId ?? undefined, toOpstreamError(thrown), true),
    });
  }

  receive(frame: Buffer): void {
    this.inbox.receive(frame);
  }

  close(): void {
    this.inbox.close();
    this.session.following.close();
  }

  /** @returns a promise only when the next message has to wait for this one */
  private handle(frame: Buffer): Promise<void> | undefined {
    let id: JsonObject['id'];
    try {
      const input = this.parse(frame);
      id = input.id;
      if (input.type === 'batch') return this.batch(input);
      const command = this.commands.find(input);
      if (command !== undefined) return this.perform(command, input);
      this.session.gate.count();
      this.logger.warn({ event: 'unknown_message_type', type: shownType(input.type), user: this.user });
      this.send(unknownType(input));
    } catch (thrown) {
      this.fail(thrown, id);
    }
    return undefined;
  }

  /** Of values that are not objects only `null` fails; the others simply have no type. @throws OpstreamError */
  private parse(frame: Buffer): JsonObject {
    let input: unknown;
    try {
      input = parseFrame(frame);
    } catch (thrown) {
      this.session.gate.count();
      throw thrown;
    }
    this.log.incoming(this.connection, input);
    if (input === null) throw new OpstreamError('invalid_request', 'A message must be a JSON object');
    return isJsonObject(input) ? input : {};
  }

  private perform({ definition, own }: AgentCommand, input: JsonObject): Promise<void> | undefined {
    const reply = {
      requestId: undefined,
      send: (text: string): void => this.send(own ? text : success(input.id, text, true)),
    };
    const refuse = (thrown: unknown): void => {
      if (own) return this.fail(thrown, input.id);
      const error = toOpstreamError(thrown);
      if (error.code === 'internal') this.dependencies.reportFailure(thrown);
      this.send(refusal(input.id, error, true));
    };
    try {
      const performed = this.session.perform(definition, input, reply)?.catch(refuse);
      return definition.append && !this.session.crowded ? undefined : performed;
    } catch (thrown) {
      refuse(thrown);
      return undefined;
    }
  }

  private async batch({ id, messages }: JsonObject): Promise<void> {
    try {
      this.session.gate.count(this.endsOnly(messages));
      const batch = new AgentBatch(this.session, this.commands, (thrown) =>
        this.dependencies.reportFailure(thrown),
      );
      this.send(batchResponse(id, await batch.run(messages)));
    } catch (thrown) {
      this.fail(thrown, id);
    }
  }

  /** A batch that does nothing but end what runs is not refused either. */
  private endsOnly(messages: JsonValue | undefined): boolean {
    return (
      Array.isArray(messages) &&
      messages.length > 0 &&
      messages.every(
        (one: JsonValue) => isJsonObject(one) && this.commands.find(one)?.definition.ends === true,
      )
    );
  }

  private fail(thrown: unknown, id: JsonObject['id']): void {
    const error = toOpstreamError(thrown);
    this.dependencies.metrics.serverErrors += 1;
    // The parser's message quotes the input, which may hold a secret.
    const reason = error.code === 'invalid_json' ? 'The message is not JSON' : error.message;
    this.logger.error({ event: 'websocket_message_processing_error', user: this.user, error: reason });
    this.send(failure(error, id));
  }

  private get user(): string {
    return this.connection.principal.userId;
  }

  private send(text: string): void {
    try {
      this.connection.send(text);
      this.log.outgoing(this.connection, text);
    } catch (error) {
      this.dependencies.metrics.networkErrors += 1;
      this.logger.error({ event: 'websocket_send_error', user: this.user, error });
    }
  }
}
