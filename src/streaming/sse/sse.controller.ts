import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  Header,
  Headers,
  Param,
  Query,
  Req,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import {
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { AuthGuard, type AuthenticatedRequest, RequireScope } from '../../auth/auth.guard.js';
import { clientAddress } from '../../auth/client-address.js';
import { ConnectionLimit } from '../../auth/connection-limit.js';
import { anonymousPrincipal } from '../../auth/principal.js';
import { ValidityWatch } from '../../auth/validity-watch.js';
import { Configuration } from '../../config/configuration.js';
import { LogPlaces, type CheckedPlace } from '../../operations/log-places.js';
import { OperationsService } from '../../operations/operations.service.js';
import { parseOperationId } from '../../operations/operation-draft.js';
import { isActive } from '../../operations/operation.js';
import { OperationIdParameter } from '../../operations/rest/openapi-decorators.js';
import { boolean, parsePosition, placeAndLog, wholeNumber } from '../../operations/rest/request-values.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import { Subscriptions } from '../delivery/subscriptions.js';
import { SseFormats } from './sse-formats.js';
import { SSE_HEADERS, SseStream } from './sse-stream.js';
import { type Reply, responseOf, takeOver } from '../../rest/reply.js';

const EVENT_STREAM = { 'text/event-stream': { schema: { type: 'string' } } };
const LOG = {
  name: 'log',
  type: String,
  required: false,
  description: 'The log that the place belongs to; a Last-Event-ID carries it',
};
const COALESCE = {
  name: 'coalesce',
  required: false,
  description: 'Skip superseded progress when catching up',
  schema: { type: 'boolean', default: false },
};

/** Server-sent events; both streams resume by `Last-Event-ID`. */
@ApiTags('streams')
@Controller('api')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('operations:read')
export class SseController implements BeforeApplicationShutdown {
  private readonly keepAliveMs: number;
  private readonly open = new Set<SseStream>();
  private readonly places: ConnectionLimit;
  private readonly trustProxy: boolean;
  private readonly formats = new SseFormats();

  constructor(
    private readonly operations: OperationsService,
    private readonly logs: LogPlaces,
    private readonly subscriptions: Subscriptions,
    { streaming, http }: Configuration,
  ) {
    // A comment is not answered, so it is sent twice as often as a ping, of which one may get lost.
    this.keepAliveMs = streaming.heartbeatIntervalMs / 2;
    this.places = new ConnectionLimit(streaming.maxStreamsPerUser);
    this.trustProxy = http.trustProxy;
  }

  @Get('operations/:id/stream')
  @Header('Cache-Control', 'no-cache')
  @OperationIdParameter()
  @ApiOperation({
    operationId: 'stream_operation',
    summary: 'Follow one operation: its whole log, then live; ends with the final event',
  })
  @ApiOkResponse({ description: 'Event stream; the ids are seqs, with the log.', content: EVENT_STREAM })
  @ApiNoContentResponse({ description: 'The operation has ended, and everything was read before.' })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'id of the newest event received' })
  @ApiQuery({
    name: 'after_seq',
    required: false,
    description: 'Begin after this seq',
    schema: { type: 'integer', minimum: 0, default: 0 },
  })
  @ApiQuery(LOG)
  @ApiQuery(COALESCE)
  async operation(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: AuthenticatedRequest,
    @Res() reply: Reply,
  ): Promise<void> {
    const operationId = parseOperationId(id);
    const given = placeAndLog(lastEventId || query.after_seq, query.log);
    const wanted = wholeNumber(given.place, 'after_seq') ?? 0;
    const coalesce = boolean(query.coalesce, 'coalesce');
    const { tenant } = request.principal ?? anonymousPrincipal;
    const operation = await this.operations.get({ tenant, operationId });
    const place = await this.logs.checkOperation({ tenant, operationId }, wanted, given.log);
    if (!isActive(operation) && !place.lost && place.after >= operation.eventCount) {
      // Tells EventSource not to reconnect.
      takeOver(reply).writeHead(204).end();
      return;
    }
    this.stream(request, reply, operationId, place, coalesce);
  }

  @Get('stream')
  @ApiOperation({ operationId: 'stream_all', summary: 'Follow all operations of the tenant' })
  @ApiOkResponse({ description: 'Event stream; the ids are positions, with the log.', content: EVENT_STREAM })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'id of the newest event received' })
  @ApiQuery({
    name: 'after',
    type: String,
    required: false,
    description: 'Begin after this position (default: from now on)',
  })
  @ApiQuery(LOG)
  @ApiQuery(COALESCE)
  async all(
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: AuthenticatedRequest,
    @Res() reply: Reply,
  ): Promise<void> {
    const given = placeAndLog(lastEventId || query.after, query.log);
    const coalesce = boolean(query.coalesce, 'coalesce');
    const { tenant } = request.principal ?? anonymousPrincipal;
    // "From now on" becomes a position, so that a reader that disconnects before its first event can resume.
    const wanted = parsePosition(given.place) ?? (await this.operations.headOf(tenant));
    this.stream(request, reply, null, await this.logs.check(tenant, wanted, given.log), coalesce);
  }

  /** The HTTP server closes once every response has ended; these would never end. */
  beforeApplicationShutdown(): void {
    for (const stream of this.open) stream.goAway();
  }

  /** @throws OpstreamError `too_many_connections` */
  private stream(
    request: AuthenticatedRequest,
    reply: Reply,
    operationId: string | null,
    { after, lost, log }: CheckedPlace,
    coalesce: boolean,
  ): void {
    // If the client has disconnected, do not reserve a slot: no close event would release it.
    if (responseOf(reply).destroyed) return void takeOver(reply);
    if (request.method === 'HEAD') {
      // The headers of the stream, without entering it.
      takeOver(reply).writeHead(200, SSE_HEADERS).end();
      return;
    }
    const principal = request.principal ?? anonymousPrincipal;
    const giveBack = this.places.reserve(principal, clientAddress(request, this.trustProxy));
    const [format, forget] = this.formats.take(principal.tenant, operationId, log);
    const validity = new ValidityWatch((reason) => stream.fail(new OpstreamError('unauthorized', reason)));
    const stream: SseStream = new SseStream(takeOver(reply), this.keepAliveMs, () => {
      this.open.delete(stream);
      giveBack();
      forget();
      validity.stop();
      this.subscriptions.unsubscribe(subscription);
    });
    this.open.add(stream);
    stream.write(format.beginning(after));
    if (lost) stream.write(format.lost({ id: operationId, keptThrough: after, log }));
    const subscription = this.subscriptions.subscribe({
      topic: { tenant: principal.tenant, operationId },
      format,
      sink: stream,
      after,
      coalesce,
      onEnd: () => stream.end(),
      onError: (thrown) => stream.fail(toOpstreamError(thrown)),
    });
    validity.watch(principal);
  }
}
