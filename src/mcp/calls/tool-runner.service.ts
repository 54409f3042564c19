import { operationKeyText, type OperationKey } from '../../operations/operation-key.js';
import { randomUUID } from 'node:crypto';
import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { missingScope, userOf } from '../../auth/principal.js';
import { Configuration } from '../../config/configuration.js';
import { EventBus } from '../../operations/event-bus.js';
import { TOOL_OPERATION_PREFIX } from '../../operations/operation-store.js';
import { InputsService } from '../../operations/inputs.service.js';
import { OperationsService } from '../../operations/operations.service.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { RequestMetrics } from '../metrics/request.metrics.js';
import type { RequestContext } from '../session/request-context.js';
import { objectAt, stringAt, type Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { META } from '../protocol/versions.js';
import { OPERATION_ID_PATTERN } from '../../operations/operation-draft.js';
import { describeUnknown, unknownArguments, withoutOptionalNulls } from '../tools/arguments.js';
import { isOfferedTo, type ToolDefinition } from '../tools/tool-definition.js';
import { selectionOf } from '../tools/tool-selection.js';
import { ToolRegistry } from '../tools/tool-registry.js';
import { toLegacyTask, toModernTask } from './task-view.js';
import { type ResponseMode, responseModeOf } from './response-mode.js';
import { CallerNotifications } from './caller-notifications.js';
import {
  INTERRUPTED,
  metadataOf,
  OperationRecord,
  taskTtl,
  unrecorded,
  type CallRelations,
} from './call-record.js';
import { InputDoor } from './input-door.js';
import { InputRequester, inputRequiredResult } from './input-requester.js';
import { RequestStateCodec } from './request-state-codec.js';
import { SharedCalls, withCacheMeta } from './shared-calls.js';
import { ToolCall } from './tool-call.js';
import { outcomeLabel, toolError, type ToolOutcome } from './tool-outcome.js';

const OPERATION_ID = new RegExp(OPERATION_ID_PATTERN);
/** A call that may become a task is answered directly if it ends within this time. */
const TASK_GRACE_MS = 50;

interface OpenedCall {
  readonly operationId: string;
  /** Sent to the caller with the result. */
  readonly note: string | undefined;
  /** Its operation is open, and other calls may be waiting for it. */
  readonly isShared: boolean;
}

/** Runs tool calls and tracks those running on this node. */
/** Maximum pending timers; beyond them an ended call waits for the store's own retention. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const MAX_FORGETTING = 10_000;

@Injectable()
export class ToolRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('McpToolCalls');
  /** Ended calls that are still kept. */
  private forgetting = 0;
  /**
   * Each call in a slot that is emptied at its end: the tables of a Map refer to the ones that replaced them, and in
   * the old generation they would keep every call that ever stood in them until the next full garbage collection.
   */
  private readonly running = new Map<string, { call: ToolCall | undefined }>();

  constructor(
    private readonly registry: ToolRegistry,
    private readonly operations: OperationsService,
    private readonly bus: EventBus,
    private readonly states: RequestStateCodec,
    private readonly configuration: Configuration,
    private readonly metrics: RequestMetrics,
    private readonly shared: SharedCalls,
    private readonly inputs: InputsService,
  ) {}

  /** Calls interrupted by a crash have nobody left to end them; waiting clients are notified now. */
  async onApplicationBootstrap(): Promise<void> {
    const message = 'The service was restarted while the tool ran';
    for (const { tenant, operationId } of await this.operations.unfinished(TOOL_OPERATION_PREFIX)) {
      if (this.find({ tenant, operationId })) continue;
      // A call that names its owner is ended with all other work of a dead process.
      if ((await this.operations.find({ tenant, operationId }))?.owner != null) continue;
      await this.operations.error({ tenant, operationId }, message, INTERRUPTED);
    }
  }

  /** Cancelling the operation of a call, over any transport, stops the call. */
  onModuleInit(): void {
    this.bus.events$.subscribe((events) => {
      if (this.running.size === 0) return;
      for (const { type, tenant, operationId } of events) {
        if (type === 'cancelled') this.find({ tenant, operationId })?.cancel('The operation was cancelled');
      }
    });
  }

  /** Calls end before the store closes, so that nobody waits for their results after the restart. */
  async onModuleDestroy(): Promise<void> {
    const calls = [...this.running.values()].flatMap(({ call }) => call ?? []);
    const error = new RpcError(RPC.serverError, 'The service was stopped', { code: 'shutting_down' });
    for (const call of calls) call.stop({ kind: 'protocol-error', error }, error.message);
    await Promise.all(calls.map(({ finished }) => finished));
  }

  /** Calls that run on this node. */
  get size(): number {
    return this.running.size;
  }

  /** A call that runs on this node. */
  find(key: OperationKey): ToolCall | undefined {
    return this.running.get(operationKeyText(key))?.call;
  }

  /** Serves `tools/call`. @returns undefined when the caller has cancelled and expects no answer */
  async call(exchange: RequestContext): Promise<Params | undefined> {
    const tool = this.toolOf(exchange);
    const mode = responseModeOf(tool, exchange);
    const { schema } = tool;
    const given = withoutOptionalNulls(objectAt(exchange.params, 'arguments'), schema);
    const unknown = unknownArguments(given, schema);
    const pending = tool.validate(given);
    const checked = pending instanceof Promise ? await pending : pending;
    if ('problem' in checked) {
      const also = unknown.length === 0 ? '' : `; ${describeUnknown(unknown, schema)}`;
      return { ...toolError(`Invalid arguments for tool ${tool.name}: ${checked.problem}${also}`) };
    }
    const inputs = new InputRequester(exchange, tool.name, given, this.states);
    // Validate answers that came with the request before starting a call.
    if (exchange.era === 'modern') inputs.given();
    const note = unknown.length === 0 ? undefined : `Note: ${describeUnknown(unknown, schema)}`;
    const operationId = randomUUID();
    const isShared = tool.recorded && SharedCalls.wanted(exchange);
    if (isShared) {
      const metadata = metadataOf(tool, exchange, given);
      const claim = await this.shared.claim(exchange, {
        toolName: tool.name,
        args: given,
        metadata,
        relations: relationsOf(exchange),
        mode,
        operationId,
      });
      if (claim.kind === 'answer') return claim.answer;
    }
    const call = this.open(tool, exchange, given, inputs, { operationId, note, isShared });
    const ownAnswer = (result: Params | undefined) =>
      isShared && result ? withCacheMeta(result, operationId, false) : result;
    if (mode === 'result') {
      call.start(checked.value);
      return ownAnswer(answer(await call.finished));
    }
    const early = await this.startAsTask(call, mode, checked.value, exchange);
    return ownAnswer(early ? answer(await call.finished) : await this.answerWithTask(call, exchange));
  }

  private toolOf({ params, principal, headers }: RequestContext): ToolDefinition {
    const name = stringAt(params, 'name');
    const tool = this.registry.get(name);
    const selection = selectionOf(headers, this.configuration.mcp.toolsets);
    if (!tool || !isOfferedTo(tool, principal.tenant) || selection?.admits(tool) === false) {
      throw new RpcError(RPC.invalidParams, `Unknown tool: ${name.slice(0, 200)}`);
    }
    const scope = missingScope(principal, tool.scope);
    if (scope !== undefined) {
      throw new OpstreamError('forbidden', `Tool ${name} needs the scope ${scope}`);
    }
    return tool;
  }

  private open(
    tool: ToolDefinition,
    exchange: RequestContext,
    args: Params,
    inputs: InputRequester,
    { operationId, note, isShared }: OpenedCall,
  ): ToolCall {
    const { principal, responder } = exchange;
    const ttl = taskTtl(exchange);
    const record = tool.recorded
      ? new OperationRecord(
          this.operations,
          principal.tenant,
          operationId,
          tool.name,
          metadataOf(tool, exchange, args),
          relationsOf(exchange),
          isShared,
        )
      : unrecorded;
    const notifications = new CallerNotifications(
      exchange,
      tool.name,
      this.configuration.mcp.streamContent,
      (message) => responder.send(message),
    );
    if (tool.recorded) {
      const key = { tenant: principal.tenant, operationId };
      inputs.door = new InputDoor(this.inputs, key, principal.userId);
    }
    const call = new ToolCall(operationId, tool, exchange, record, notifications, inputs, note);
    const at = operationKeyText({ tenant: principal.tenant, operationId });
    const slot: { call: ToolCall | undefined } = { call };
    this.running.set(at, slot);
    // In 2026-07-28 a lost connection cancels; work under a cache key goes on, for the caller's next attempt to find.
    if (!isShared || exchange.era === 'legacy') {
      exchange.cancellation.target = call;
      if (exchange.cancellation.cancelled) call.cancel('The caller has gone');
    }
    void call.finished.then((outcome) => {
      this.running.delete(at);
      slot.call = undefined;
      exchange.cancellation.target = undefined;
      if (ttl !== undefined && tool.recorded)
        this.forgetAfter(ttl, { tenant: principal.tenant, operationId });
      this.metrics.toolCalled(tool.name, outcomeLabel(outcome));
    });
    return call;
  }

  /** Removes a call when its requested lifetime is over, counted from its start but at least until its end. */
  private forgetAfter(ttlMs: number, { tenant, operationId }: OperationKey): void {
    if (ttlMs > MAX_TIMER_MS || this.forgetting >= MAX_FORGETTING) return;
    this.forgetting += 1;
    setTimeout(() => {
      this.forgetting -= 1;
      this.operations.remove({ tenant, operationId }).catch((error: unknown) => {
        this.logger.debug({ error, operation_id: operationId }, 'An expired call was gone already');
      });
    }, ttlMs).unref();
  }

  /** Starts a call that may become a task. @returns its outcome if it ended before that */
  private async startAsTask(
    call: ToolCall,
    mode: ResponseMode,
    args: Params,
    exchange: RequestContext,
  ): Promise<ToolOutcome | undefined> {
    if (exchange.era === 'legacy') {
      call.inputs.becomeTask();
      call.start(args);
      return undefined;
    }
    let stopWaiting!: () => void;
    const becomesTask = new Promise<undefined>((resolve) => (stopWaiting = () => resolve(undefined)));
    call.inputs.onWaiting = async () => {
      call.inputs.becomeTask();
      await call.record.opened;
      stopWaiting();
    };
    call.start(args);
    if (mode === 'either') {
      const timer = setTimeout(stopWaiting, TASK_GRACE_MS);
      const outcome = await Promise.race([call.outcome, becomesTask]);
      clearTimeout(timer);
      return outcome;
    }
    // A tool may ask for input before it starts to work: that belongs to the call, everything else to the task.
    setImmediate(stopWaiting);
    const outcome = await Promise.race([call.outcome, becomesTask]);
    return outcome?.kind === 'input-required' ? outcome : undefined;
  }

  /** A task is stored before its caller learns of it. */
  private async answerWithTask(call: ToolCall, exchange: RequestContext): Promise<Params | undefined> {
    const { session, era, principal } = exchange;
    if (exchange.cancellation.cancelled) return undefined;
    call.inputs.becomeTask();
    call.detach(era === 'legacy' && session ? (message) => session.tell(message) : undefined);
    if (!(await call.record.opened)) {
      call.cancel('The task could not be stored');
      throw new OpstreamError('store_unavailable', 'The task could not be stored');
    }
    const operation = await this.operations.get({ tenant: principal.tenant, operationId: call.requestId });
    return era === 'legacy'
      ? { task: toLegacyTask(operation) }
      : { resultType: 'task', ...toModernTask(operation) };
  }
}

function answer(outcome: ToolOutcome): Params | undefined {
  switch (outcome.kind) {
    case 'result':
      return { ...outcome.result };
    case 'protocol-error':
      throw outcome.error;
    case 'input-required':
      return inputRequiredResult(outcome.requests, outcome.state);
    case 'cancelled':
      return { ...toolError(`The call was cancelled: ${outcome.reason}`) };
  }
}

function relationsOf({ params, principal }: RequestContext): CallRelations {
  return { parentOperationId: parentOf(params), createdBy: userOf(principal) };
}

/** What the caller says the call is a part of; an invalid id is ignored. */
function parentOf(params: Params): string | undefined {
  const given = objectAt(params, '_meta')[META.parentOperation];
  return typeof given === 'string' && OPERATION_ID.test(given) ? given : undefined;
}
