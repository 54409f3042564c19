import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  Headers,
  Param,
  Query,
  Req,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { AuthGuard, type AuthenticatedRequest, RequireScope } from '../../auth/auth.guard.js';
import { clientAddress } from '../../auth/client-address.js';
import { ConnectionLimit } from '../../auth/connection-limit.js';
import { anonymousPrincipal } from '../../auth/principal.js';
import { ValidityWatch } from '../../auth/validity-watch.js';
import { Configuration } from '../../config/configuration.js';
import { wholeNumber } from '../../operations/rest/request-values.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { SSE_HEADERS, SseStream } from '../../streaming/sse/sse-stream.js';
import { actorOf } from '../actor.js';
import { sseMessages } from '../delivery/session-formats.js';
import { SessionSubscriptions } from '../delivery/session-subscriptions.service.js';
import { SessionsService } from '../sessions.service.js';
import { type Reply, responseOf, takeOver } from '../../rest/reply.js';

/** A session as server-sent events: its whole log, then live. */
@ApiTags('sessions')
@Controller('api/sessions')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('sessions:read')
export class SessionStreamController implements BeforeApplicationShutdown {
  private readonly open = new Set<SseStream>();
  private readonly places: ConnectionLimit;

  constructor(
    private readonly sessions: SessionsService,
    private readonly subscriptions: SessionSubscriptions,
    private readonly configuration: Configuration,
  ) {
    this.places = new ConnectionLimit(configuration.streaming.maxStreamsPerUser);
  }

  @Get(':session_id/stream')
  @ApiOperation({ operationId: 'stream_session', summary: 'Follow a session: its messages, then live' })
  @ApiOkResponse({
    description: 'Event stream; the ids are seqs.',
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'seq of the newest message received' })
  @ApiQuery({ name: 'after_seq', required: false, schema: { type: 'integer', minimum: 0, default: 0 } })
  async stream(
    @Param('session_id') sessionId: string,
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: AuthenticatedRequest,
    @Res() reply: Reply,
  ): Promise<void> {
    const after = wholeNumber(lastEventId || query.after_seq, 'after_seq') ?? 0;
    const principal = request.principal ?? anonymousPrincipal;
    const { streaming, http, sessions } = this.configuration;
    const actor = actorOf(principal, sessions.visibility === 'open');
    const { tenant } = await this.sessions.get(actor, sessionId);
    // If the client has gone, no close event would give a place back.
    if (responseOf(reply).destroyed) return void takeOver(reply);
    if (request.method === 'HEAD') {
      takeOver(reply).writeHead(200, SSE_HEADERS).end();
      return;
    }
    const giveBack = this.places.reserve(principal, clientAddress(request, http.trustProxy));
    const validity = new ValidityWatch((reason) => stream.fail(new OpstreamError('unauthorized', reason)));
    const stream: SseStream = new SseStream(takeOver(reply), streaming.heartbeatIntervalMs / 2, () => {
      this.open.delete(stream);
      giveBack();
      validity.stop();
      unfollow();
    });
    this.open.add(stream);
    const unfollow = this.subscriptions.follow({
      session: { tenant, sessionId },
      viewer: actor.viewer,
      sink: stream,
      messages: sseMessages,
      after,
      onError: (thrown) => stream.fail(toOpstreamError(thrown)),
    });
    validity.watch(principal);
  }

  /** The HTTP server closes once every response has ended, and these would never end. */
  beforeApplicationShutdown(): void {
    for (const stream of this.open) stream.goAway();
  }
}
