import type { OperationKey } from '../../operation-key.js';
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  Headers,
  Logger,
  Param,
  Query,
  Req,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { AuthGuard, type AuthenticatedRequest, RequireScope } from '../../../auth/auth.guard.js';
import { clientAddress } from '../../../auth/client-address.js';
import { ConnectionLimit } from '../../../auth/connection-limit.js';
import { anonymousPrincipal } from '../../../auth/principal.js';
import { ValidityWatch } from '../../../auth/validity-watch.js';
import { LEVELS } from '../../../client/protocol/log-level.js';
import { Configuration } from '../../../config/configuration.js';
import { OpstreamError } from '../../../platform/errors/opstream-error.js';
import { turnBudget } from '../../../platform/lifecycle/turn-budget.js';
import { ProblemDetailsFilter } from '../../../rest/problem-details.filter.js';
import { LogFollower } from '../../log-follower.service.js';
import { parseOperationId } from '../../operation-draft.js';
import type { RecordedEvent } from '../../operation-event.js';
import { OperationsService } from '../../operations.service.js';
import { OperationIdParameter } from '../openapi-decorators.js';
import { boolean, oneOf, wholeNumber } from '../request-values.js';
import { LogResponse } from './log-response.js';
import { isShown, textOf, TIMESTAMPS, trimmedText, type TextOptions } from './log-text.js';
import { type Reply, responseOf, takeOver } from '../../../rest/reply.js';

interface LogRequest extends TextOptions {
  readonly tenant: string;
  readonly operationId: string;
  readonly afterSeq: number;
  readonly follow: boolean;
  /** One event as JSON per line, in place of text. */
  readonly ndjson: boolean;
  readonly download: boolean;
}

const PAGE = { limit: 256, maxBytes: 256 * 1024 };
const NDJSON = /\bapplication\/(?:x-)?(?:ndjson|jsonl|json-lines)\b/i;

/** The log as text: for `curl`, `grep`, a browser's own search, and downloads. */
@ApiTags('streams')
@Controller('api/operations/:id/log')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('operations:read')
export class RawLogController implements BeforeApplicationShutdown {
  private readonly logger = new Logger(RawLogController.name);
  private readonly open = new Set<LogResponse>();
  private readonly places: ConnectionLimit;
  private readonly trustProxy: boolean;

  constructor(
    private readonly operations: OperationsService,
    private readonly follower: LogFollower,
    { streaming, http }: Configuration,
  ) {
    this.places = new ConnectionLimit(streaming.maxStreamsPerUser);
    this.trustProxy = http.trustProxy;
  }

  @Get()
  @OperationIdParameter()
  @ApiOperation({
    operationId: 'read_log',
    summary: 'Read the log as text, or as one event per line with `Accept: application/x-ndjson`',
  })
  @ApiOkResponse({
    description: 'The lines of the log events.',
    content: { 'text/plain': { schema: { type: 'string' } } },
  })
  @ApiQuery({
    name: 'follow',
    required: false,
    description: 'Stay until the operation ends',
    schema: { type: 'boolean', default: false },
  })
  @ApiQuery({
    name: 'after_seq',
    required: false,
    description: 'Begin after this seq',
    schema: { type: 'integer', minimum: 0, default: 0 },
  })
  @ApiQuery({
    name: 'level',
    required: false,
    description: 'The least severe level to show',
    schema: { type: 'string', enum: [...LEVELS], default: 'debug' },
  })
  @ApiQuery({
    name: 'timestamps',
    required: false,
    description: 'What each line begins with: nothing, the time, or the seconds since the start',
    schema: { type: 'string', enum: [...TIMESTAMPS], default: 'none' },
  })
  @ApiQuery({
    name: 'ansi',
    required: false,
    description: 'Keep the colours of lines that have them',
    schema: { type: 'string', enum: ['strip', 'keep'], default: 'strip' },
  })
  @ApiQuery({
    name: 'download',
    required: false,
    description: 'Offer it as a file',
    schema: { type: 'boolean', default: false },
  })
  async read(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Headers('accept') accept: string | undefined,
    @Req() request: AuthenticatedRequest,
    @Res() reply: Reply,
  ): Promise<void> {
    const operationId = parseOperationId(id);
    const { tenant } = request.principal ?? anonymousPrincipal;
    const wanted = {
      tenant,
      operationId,
      afterSeq: wholeNumber(query.after_seq, 'after_seq') ?? 0,
      follow: boolean(query.follow, 'follow'),
      level: oneOf(query.level, 'level', LEVELS, 'debug'),
      timestamps: oneOf(query.timestamps, 'timestamps', TIMESTAMPS, 'none'),
      keepColours: oneOf(query.ansi, 'ansi', ['strip', 'keep'], 'strip') === 'keep',
      download: boolean(query.download, 'download'),
      ndjson: NDJSON.test(accept ?? ''),
    };
    const { startedAt } = await this.operations.get({ tenant, operationId });
    this.send(request, reply, { ...wanted, startedAt });
  }

  /** The HTTP server closes once every response has ended; those that follow would never end. */
  beforeApplicationShutdown(): void {
    for (const response of this.open) response.breakOff();
  }

  /** @throws OpstreamError `too_many_connections` */
  private send(request: AuthenticatedRequest, reply: Reply, wanted: LogRequest): void {
    // If the client has disconnected, do not reserve a slot: no close event would release it.
    if (responseOf(reply).destroyed) return void takeOver(reply);
    const headers = headersOf(wanted);
    if (request.method === 'HEAD') return void takeOver(reply).writeHead(200, headers).end();
    const principal = request.principal ?? anonymousPrincipal;
    const giveBack = this.places.reserve(principal, clientAddress(request, this.trustProxy));
    const validity = new ValidityWatch(() => response.breakOff());
    const response: LogResponse = new LogResponse(takeOver(reply), headers, () => {
      this.open.delete(response);
      giveBack();
      validity.stop();
    });
    this.open.add(response);
    validity.watch(principal);
    this.copy(wanted, response).catch((error: unknown) => {
      // The headers are out: breaking off is all that can still be said.
      if (!(error instanceof OpstreamError)) this.logger.error({ error }, 'Reading a log failed');
      response.breakOff();
    });
  }

  private async copy(wanted: LogRequest, response: LogResponse): Promise<void> {
    const { tenant, operationId, afterSeq, follow, ndjson } = wanted;
    const { signal } = response;
    let cursor = afterSeq;
    const events = follow
      ? this.follower.follow({ tenant, operationId }, { afterSeq, signal })
      : this.stored({ tenant, operationId }, afterSeq, signal);
    for await (const event of events) {
      // The seqs of a log have no gaps.
      if (event.seq > cursor + 1)
        await response.write(ndjson ? trimmedJson(cursor, event) : trimmedText(event.seq));
      cursor = event.seq;
      if (isShown(event, wanted.level))
        await response.write(ndjson ? `${event.json}\n` : textOf(event, wanted));
    }
    if (!signal.aborted) response.end();
  }

  /** What is in the log now, and nothing that comes while it is read. */
  private async *stored(
    key: OperationKey,
    afterSeq: number,
    signal: AbortSignal,
  ): AsyncGenerator<RecordedEvent, void> {
    let through: number | undefined;
    for (let cursor = afterSeq; !signal.aborted;) {
      await turnBudget.turn();
      const { events, head } = await this.operations.history(key, cursor, PAGE);
      through ??= head;
      for (const event of events) {
        if (event.seq > through) return;
        cursor = event.seq;
        yield event;
      }
      if (events.length === 0 || cursor >= through) return;
    }
  }
}

function headersOf({ operationId, ndjson, download }: LogRequest): Record<string, string> {
  const name = `${operationId.replaceAll(':', '_')}.${ndjson ? 'ndjson' : 'log'}`;
  return {
    'Content-Type': ndjson ? 'application/x-ndjson' : 'text/plain; charset=utf-8',
    'Content-Disposition': `${download ? 'attachment' : 'inline'}; filename="${name}"`,
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
  };
}

function trimmedJson(after: number, { operationId, seq }: RecordedEvent): string {
  const data = { operation_id: operationId, after_seq: after, first_seq: seq };
  return `${JSON.stringify({ event_type: 'history_trimmed', operation_id: operationId, data })}\n`;
}
