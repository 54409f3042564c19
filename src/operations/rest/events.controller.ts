import { Body, Controller, HttpCode, Param, Post, UseFilters, UseGuards } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { Audited } from '../../auth/audited.decorator.js';
import { AuthGuard, RequireScope } from '../../auth/auth.guard.js';
import { CurrentPrincipal } from '../../auth/current-principal.decorator.js';
import { userOf, type Principal } from '../../auth/principal.js';
import { turnBudget } from '../../platform/lifecycle/turn-budget.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { CancelledOperationDto } from './dto/operation.dto.js';
import {
  BatchReceiptDto,
  CancelDto,
  ErrorDto,
  EventDto,
  LogDto,
  ProgressDto,
  ReceiptDto,
  ResultDto,
  StatusDto,
} from './dto/event-data.dto.js';
import { isJsonObject, parseJson, type JsonValue } from '../../platform/json.js';
import { cancelTree } from '../cancel-children.js';
import { boolean } from './request-values.js';
import {
  attributed,
  parseEvent,
  parseEventData,
  parseOperationId,
  type EventDraft,
  type ProducerEventType,
} from '../operation-draft.js';
import type { OperationSnapshot } from '../../client/protocol/operation-events.js';
import { toSnapshot } from '../operation-snapshot.js';
import type { Receipt } from '../operation-store.js';
import { OperationIdParameter } from './openapi-decorators.js';
import { OperationsService } from '../operations.service.js';

/** Maximum events per batch. */
const MAX_BATCH = 10_000;
/** Characters of a batch that are read in one turn of the event loop; about a millisecond. */
const STEP_SIZE = 256 * 1024;
/** What an event costs beside its text, in characters. */
const ITEM_SIZE = 256;

/** Records events over REST. Every answer means: durable and published. */
@ApiTags('events')
@Controller('api/operations/:id')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('operations:write')
export class EventsController {
  constructor(private readonly operations: OperationsService) {}

  @Post('progress')
  @OperationIdParameter()
  @ApiOperation({ operationId: 'emit_progress', summary: 'Record progress' })
  @ApiBody({ type: ProgressDto })
  @ApiCreatedResponse({ type: ReceiptDto })
  progress(@Param('id') id: string, @Body() body: unknown, @CurrentPrincipal() caller: Principal) {
    return this.record('progress', id, body, caller);
  }

  @Post('status')
  @OperationIdParameter()
  @ApiOperation({ operationId: 'emit_status', summary: 'Record a status' })
  @ApiBody({ type: StatusDto })
  @ApiCreatedResponse({ type: ReceiptDto })
  status(@Param('id') id: string, @Body() body: unknown, @CurrentPrincipal() caller: Principal) {
    return this.record('status', id, body, caller);
  }

  @Post('log')
  @OperationIdParameter()
  @ApiOperation({ operationId: 'emit_log', summary: 'Record a log line' })
  @ApiBody({ type: LogDto })
  @ApiCreatedResponse({ type: ReceiptDto })
  log(@Param('id') id: string, @Body() body: unknown, @CurrentPrincipal() caller: Principal) {
    return this.record('log', id, body, caller);
  }

  @Post('result')
  @OperationIdParameter()
  @ApiOperation({ operationId: 'emit_result', summary: 'Record the result; the operation is completed' })
  @ApiBody({ type: ResultDto })
  @ApiCreatedResponse({ type: ReceiptDto })
  result(@Param('id') id: string, @Body() body: unknown, @CurrentPrincipal() caller: Principal) {
    return this.record('result', id, body, caller);
  }

  @Post('error')
  @OperationIdParameter()
  @ApiOperation({ operationId: 'emit_error', summary: 'Record an error; the operation has failed' })
  @ApiBody({ type: ErrorDto })
  @ApiCreatedResponse({ type: ReceiptDto })
  error(@Param('id') id: string, @Body() body: unknown, @CurrentPrincipal() caller: Principal) {
    return this.record('error', id, body, caller);
  }

  @Post('cancel')
  @Audited('operation_cancelled')
  @HttpCode(200)
  @OperationIdParameter()
  @ApiOperation({ operationId: 'cancel_operation', summary: 'Cancel the operation' })
  @ApiBody({ type: CancelDto, required: false })
  @ApiOkResponse({ type: CancelledOperationDto })
  async cancel(
    @Param('id') id: string,
    @Body() body: unknown,
    @CurrentPrincipal() caller: Principal,
  ): Promise<CancelledOperationDto> {
    const operationId = parseOperationId(id);
    // Some generated clients send null for a body that their caller leaves out.
    const { children, data } = withoutChildren(body ?? {});
    const draft = attributed(parseEventData('cancelled', data, operationId), userOf(caller));
    const key = { tenant: caller.tenant, operationId };
    if (!children) return toSnapshot((await this.operations.append(key, draft)).operation);
    const { receipt, cancelled, incomplete } = await cancelTree(this.operations, key, draft);
    return {
      ...toSnapshot(receipt.operation),
      children_cancelled: cancelled.length,
      ...(incomplete && { children_incomplete: true }),
    };
  }

  @Post('events')
  @OperationIdParameter()
  @ApiOperation({ operationId: 'emit_events', summary: 'Record many events in one transaction: all or none' })
  @ApiBody({
    required: true,
    description: 'A JSON array; as application/x-ndjson, one event per line',
    schema: { type: 'array', maxItems: MAX_BATCH, items: { $ref: getSchemaPath(EventDto) } },
  })
  @ApiCreatedResponse({ type: BatchReceiptDto })
  async events(
    @Param('id') id: string,
    @Body() body: unknown,
    @CurrentPrincipal() caller: Principal,
  ): Promise<{ operation: OperationSnapshot; receipts: readonly Receipt[] }> {
    const operationId = parseOperationId(id);
    const user = userOf(caller);
    const drafts = (await parseBatch(body, operationId)).map((draft) => attributed(draft, user));
    const { operation, receipts } = await this.operations.appendAll(
      { tenant: caller.tenant, operationId },
      drafts,
    );
    return { operation: toSnapshot(operation), receipts };
  }

  private async record(
    type: ProducerEventType,
    id: string,
    body: unknown,
    caller: Principal,
  ): Promise<ReceiptDto> {
    const operationId = parseOperationId(id);
    const { seq, timestamp, repeated } = await this.operations.append(
      { tenant: caller.tenant, operationId },
      parseEventData(type, body, operationId),
    );
    return { operation_id: operationId, seq, timestamp, repeated };
  }
}

/** The parameter that is no part of the event. @throws OpstreamError `invalid_request` */
function withoutChildren(body: unknown): { children: boolean; data: unknown } {
  if (!isJsonObject(body)) return { children: false, data: body };
  const { children, ...data } = body;
  return { children: boolean(children, 'children'), data };
}

/**
 * Reads a batch in steps, so that others are served between those of a large one.
 * @throws OpstreamError that names the index of the event that is not valid
 */
async function parseBatch(body: unknown, operationId: string): Promise<EventDraft[]> {
  const items = typeof body === 'string' ? parseLines(body) : body;
  if (!Array.isArray(items) || (items.length === 0 && typeof body === 'string')) {
    throw new OpstreamError('invalid_request', 'The body must be an array of events, or one event per line');
  }
  if (items.length > MAX_BATCH) {
    throw new OpstreamError('payload_too_large', `A batch has at most ${MAX_BATCH} events`);
  }
  const drafts: EventDraft[] = [];
  let size = 0;
  for (const [index, item] of (items as readonly unknown[]).entries()) {
    const draft = parseItem(item, index, operationId);
    drafts.push(draft);
    size += draft.data.length + ITEM_SIZE;
    if (size < STEP_SIZE) continue;
    size = 0;
    await turnBudget.turn();
  }
  return drafts;
}

function parseItem(item: unknown, index: number, operationId: string): EventDraft {
  try {
    return parseEvent(item, operationId);
  } catch (thrown) {
    if (!(thrown instanceof OpstreamError)) throw thrown;
    throw new OpstreamError(thrown.code, `Event ${index}: ${thrown.message}`, { index });
  }
}

function parseLines(text: string): JsonValue[] {
  const events: JsonValue[] = [];
  text.split('\n').forEach((line, number) => {
    if (line.trim() === '') return;
    try {
      events.push(parseJson(line));
    } catch (thrown) {
      const { code, message } = toOpstreamError(thrown);
      const what = code === 'invalid_json' ? 'is not JSON; send one event per line' : message;
      throw new OpstreamError(code, `Line ${number + 1} ${what}`, { index: events.length });
    }
  });
  return events;
}
