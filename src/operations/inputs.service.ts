import { randomUUID } from 'node:crypto';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';
import type { Subscription } from 'rxjs';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { checkSchema, problemOf } from '../platform/json-schema.js';
import {
  isDeeperThan,
  MAX_JSON_DEPTH,
  parseJson,
  type JsonObject,
  type JsonValue,
} from '../platform/json.js';
import { EventBus } from './event-bus.js';
import { InputClosedError } from './input-closed-error.js';
import { parseInputKey, parseInputRequest, type InputRequestFields } from './input-draft.js';
import { LogFollower } from './log-follower.service.js';
import { inputDraft } from './operation-draft.js';
import { isFinal, type RecordedEvent } from './operation-event.js';
import type { InputChange, InputData, InputRequest } from './operation-input.js';
import { operationKeyText, type OperationKey } from './operation-key.js';
import { OperationsService, type AppendReceipt } from './operations.service.js';

/** How often expiries are checked, in milliseconds: a request closes at most this much late. */
const CHECK_MS = 250;

interface Deadline extends OperationKey {
  readonly inputKey: string;
  readonly seq: number;
  /** Unix seconds. */
  readonly expiresAt: number;
}

export interface InputAnswer {
  readonly answer: unknown;
  /** Who answers. */
  readonly by: string;
  /** Refuses instead of answering. */
  readonly declined?: boolean;
}

/** Asks for input on behalf of operations, and takes the answers: exactly one closes a request. */
@Injectable()
export class InputsService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly bus: Subscription;
  /** By operation, then by key. */
  private readonly deadlines = new Map<string, Map<string, Deadline>>();
  private readonly changes: Counter<'state'>;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly operations: OperationsService,
    private readonly follower: LogFollower,
    bus: EventBus,
    registry: Registry,
  ) {
    this.changes = new Counter({
      name: 'opstream_input_requests_total',
      help: 'Input requests by what became of them; every one is counted as requested, too',
      labelNames: ['state'],
      registers: [registry],
    });
    operations.asker = (key, request, signal) => this.ask(key, request, signal);
    this.bus = bus.events$.subscribe((events) => {
      for (const event of events) {
        if (event.type === 'status') this.observe(event);
        else if (isFinal(event.type)) this.deadlines.delete(operationKeyText(event));
      }
    });
  }

  /** Requests of an earlier run of the service still expire. */
  async onApplicationBootstrap(): Promise<void> {
    for (const key of await this.operations.unfinished('')) {
      const operation = await this.operations.find(key);
      for (const request of operation?.inputs?.open ?? []) this.schedule(key, request);
    }
  }

  onModuleDestroy(): void {
    this.bus.unsubscribe();
    clearInterval(this.timer);
  }

  /**
   * Records that an operation asks.
   * @throws OpstreamError `invalid_request`, `input_exists`, `too_many_inputs`, `operation_ended`, …
   */
  async request(key: OperationKey, fields: InputRequestFields, eventId?: unknown): Promise<AppendReceipt> {
    const change = parseInputRequest({ ...fields, key: fields.key ?? randomUUID() }, Date.now() / 1000);
    if (change.schema) await checkSchema(change.schema);
    return this.operations.append(key, inputDraft(change, eventId));
  }

  /**
   * Answers or declines an open request.
   * @throws OpstreamError `input_rejected` when the answer does not match the schema, which leaves the request open;
   *   `input_closed`, `input_not_found`, `operation_ended`, `operation_not_found`
   */
  async answer(
    key: OperationKey,
    inputKey: string,
    { answer, by, declined = false }: InputAnswer,
    eventId?: unknown,
  ): Promise<AppendReceipt> {
    if (declined) return this.close(key, { kind: 'declined', key: inputKey, by }, eventId);
    if (answer === undefined) throw new OpstreamError('invalid_request', 'answer is missing');
    if (isDeeperThan(answer, MAX_JSON_DEPTH - 2)) {
      throw new OpstreamError('invalid_request', 'answer is nested too deep');
    }
    const operation = await this.operations.get(key);
    const asked = operation.inputs?.open.find((request) => request.key === inputKey);
    if (asked?.schema) {
      const problem = await problemOf(asked.schema, answer);
      if (problem !== undefined) {
        throw new OpstreamError('input_rejected', `The answer does not match the schema: ${problem}`);
      }
    }
    const change: InputChange = {
      kind: 'answered',
      key: inputKey,
      by,
      answer: answer as JsonValue,
      ...(asked && { request: asked.seq }),
    };
    return this.close(key, change, eventId);
  }

  /** The producer no longer wants it. @throws OpstreamError `input_closed`, `input_not_found`, `operation_ended` */
  withdraw(key: OperationKey, inputKey: string, by: string | null): Promise<AppendReceipt> {
    return this.close(key, { kind: 'withdrawn', key: inputKey, by });
  }

  /**
   * Waits until a request is closed, by anybody and in any process.
   * @param seq of its event
   * @returns the answer and who gave it
   * @throws InputClosedError, OpstreamError `operation_not_found`, what the signal was aborted with
   */
  async outcome(
    key: OperationKey,
    inputKey: string,
    seq: number,
    signal: AbortSignal,
  ): Promise<{ readonly answer: JsonValue; readonly by: string }> {
    for await (const event of this.follower.follow(key, { afterSeq: seq, signal })) {
      const input = inputOf(event);
      if (input?.key !== inputKey || input.request_seq !== seq) continue;
      if (input.state !== 'answered') throw new InputClosedError(inputKey, input.state);
      return { answer: input.answer ?? null, by: typeof input.by === 'string' ? input.by : '' };
    }
    signal.throwIfAborted();
    throw new InputClosedError(inputKey, 'withdrawn');
  }

  /** Requests, waits, and withdraws the request when the wait is given up. */
  private async ask(key: OperationKey, fields: InputRequestFields, signal: AbortSignal): Promise<JsonValue> {
    signal.throwIfAborted();
    const inputKey = fields.key === undefined ? randomUUID() : parseInputKey(fields.key);
    const { seq } = await this.request(key, { ...fields, key: inputKey });
    try {
      return (await this.outcome(key, inputKey, seq, signal)).answer;
    } catch (error) {
      if (!(error instanceof InputClosedError)) await this.withdraw(key, inputKey, null).catch(() => {});
      throw error;
    }
  }

  private close(key: OperationKey, change: InputChange, eventId?: unknown): Promise<AppendReceipt> {
    return this.operations.append(key, inputDraft(change, eventId));
  }

  private observe(event: RecordedEvent): void {
    const input = inputOf(event);
    if (!input) return;
    this.changes.inc({ state: input.state });
    const { tenant, operationId, seq } = event;
    if (input.state !== 'requested') {
      this.settle(event, input.key);
    } else if (typeof input.expires_at === 'number') {
      this.schedule({ tenant, operationId }, { key: input.key, seq, expiresAt: input.expires_at });
    }
  }

  private schedule(
    { tenant, operationId }: OperationKey,
    { key, seq, expiresAt }: Pick<InputRequest, 'key' | 'seq' | 'expiresAt'>,
  ): void {
    if (expiresAt === null) return;
    const deadline = { tenant, operationId, inputKey: key, seq, expiresAt };
    const at = operationKeyText(deadline);
    const ofOperation = this.deadlines.get(at) ?? new Map<string, Deadline>();
    this.deadlines.set(at, ofOperation.set(key, deadline));
    this.timer ??= setInterval(() => this.check(), CHECK_MS).unref();
  }

  private settle(operation: OperationKey, inputKey: string): void {
    const at = operationKeyText(operation);
    const ofOperation = this.deadlines.get(at);
    ofOperation?.delete(inputKey);
    if (ofOperation?.size === 0) this.deadlines.delete(at);
  }

  private check(): void {
    const now = Date.now() / 1000;
    for (const ofOperation of this.deadlines.values()) {
      for (const deadline of ofOperation.values()) if (deadline.expiresAt <= now) this.expire(deadline, now);
    }
  }

  private expire(deadline: Deadline, now: number): void {
    const { inputKey, seq } = deadline;
    this.settle(deadline, inputKey);
    const change: InputChange = { kind: 'expired', key: inputKey, by: null, request: seq };
    this.close(deadline, change).catch((error: unknown) => {
      // Answered or ended meanwhile, here or on another node: then there is nothing to do.
      if (error instanceof OpstreamError && SETTLED.has(error.code)) return;
      this.schedule(deadline, { key: inputKey, seq, expiresAt: now + RETRY_SECONDS });
    });
  }
}

const RETRY_SECONDS = 5;
/** Refusals after which the request is known to be closed. */
const SETTLED: ReadonlySet<string> = new Set([
  'input_closed',
  'input_not_found',
  'operation_ended',
  'operation_not_found',
  'shutting_down',
]);

/** The change of an input request that an event records. */
export function inputOf({ type, data }: RecordedEvent): InputData | undefined {
  if (type !== 'status' || !data.includes('"input":{"state":')) return undefined;
  const { input } = parseJson(data) as JsonObject;
  return input as InputData | undefined;
}
