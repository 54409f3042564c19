import { timingSafeEqual } from 'node:crypto';
import { Body, Controller, HttpCode, Logger, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import {
  ApiBody,
  ApiForbiddenResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import type { AuthenticatedRequest } from '../../auth/auth.guard.js';
import { clientAddress } from '../../auth/client-address.js';
import { HttpSecurity } from '../../auth/http-security.js';
import { isLoopback } from '../../auth/loopback.js';
import { Configuration } from '../../config/configuration.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { isDeeperThan, MAX_MESSAGE_DEPTH, type JsonObject } from '../../platform/json.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { SessionBus } from '../session-bus.js';
import {
  audienceOf,
  BATCH_HEADER,
  batchOf,
  CONTEXT_HEADER,
  decodeContext,
  SECRET_HEADER,
  type BridgeContext,
} from './audience.js';
import { BridgeClient } from './bridge-client.service.js';
import { readAnnouncement, type InvalidBody } from './broadcast-body.js';
import { BroadcastResultDto, InvalidBodyDto } from './broadcast.dto.js';

/** Levels of a batch above its announcements. */
const BATCH_LEVELS = 3;

/** Fastify's reply and Express's response both have these. */
interface Answer {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

/** The receiving end of a bridge: what is posted goes to the sockets of the session, unchanged. */
@ApiTags('sessions')
@Controller('broadcast')
@UseFilters(ProblemDetailsFilter)
export class BroadcastController {
  private readonly logger = new Logger('Bridge');
  private readonly secret: Buffer | undefined;
  private readonly trustProxy: boolean;

  constructor(
    private readonly bus: SessionBus,
    private readonly bridge: BridgeClient,
    private readonly security: HttpSecurity,
    { sessions, http }: Configuration,
  ) {
    this.secret = sessions.bridgeSecret === undefined ? undefined : Buffer.from(sessions.bridgeSecret);
    this.trustProxy = http.trustProxy;
  }

  @Post(':session_id')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'broadcast',
    summary:
      "Send a JSON object to a session's sockets, unchanged; from loopback or with the bridge's secret",
  })
  @ApiParam({ name: 'session_id', type: String })
  @ApiBody({ schema: { type: 'object', additionalProperties: true } })
  @ApiOkResponse({ type: BroadcastResultDto })
  @ApiUnprocessableEntityResponse({ type: InvalidBodyDto, description: 'The body is not a JSON object' })
  @ApiForbiddenResponse({ description: 'Neither a loopback address nor the secret' })
  async broadcast(
    @Param('session_id') sessionId: string,
    @Body() body: unknown,
    @Req() request: AuthenticatedRequest,
    @Res({ passthrough: true }) response: Answer,
  ): Promise<BroadcastResultDto | InvalidBody> {
    if (sessionId === '') throw new OpstreamError('not_found', 'There is no session id');
    const { tenant, context } = await this.admit(request);
    const announced = readAnnouncement(body);
    if ('invalid' in announced) {
      response.status(422);
      return announced.invalid;
    }
    const { object } = announced;
    response.header(BATCH_HEADER, '1');
    try {
      const isBatch = request.headers[BATCH_HEADER] !== undefined;
      const levels = MAX_MESSAGE_DEPTH + (isBatch ? BATCH_LEVELS : 0);
      if (isDeeperThan(object, levels)) throw new Error('the body is nested too deeply');
      if (isBatch) return this.announceAll(tenant, sessionId, object, context);
      this.announce(tenant, sessionId, JSON.stringify(object), context ?? audienceOf(object), context);
      return { success: true, session_id: sessionId };
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      this.logger.warn(`Failed to broadcast to session ${sessionId}: ${reason}`);
      return { success: false, error: reason };
    }
  }

  /** @throws Error for what is no batch of the tenant that the request is for */
  private announceAll(
    tenant: string,
    sessionId: string,
    object: JsonObject,
    context: BridgeContext | undefined,
  ): BroadcastResultDto {
    // Its own header says which tenant it is for, as that of a single announcement does.
    const batch = context && batchOf(object, context.tenant);
    if (!batch) throw new Error('the body is not a batch of announcements');
    for (const { context: each, body } of batch.announcements)
      this.announce(tenant, sessionId, JSON.stringify(body), each, each);
    return { success: true, session_id: sessionId };
  }

  private announce(
    tenant: string,
    sessionId: string,
    text: string,
    { visibility, sender }: Pick<BridgeContext, 'visibility' | 'sender'>,
    context: BridgeContext | undefined,
  ): void {
    // Our own announcement, come back over BRIDGE_URL: its viewers here were told when it was made.
    if (context?.instance === this.bridge.instance) return;
    const texts = context && context.update !== '' ? [context.update, text] : [text];
    this.bus.announce({ tenant, sessionId, texts, visibility, sender });
  }

  /** @throws OpstreamError `forbidden`, `unauthorized` */
  private async admit(
    request: AuthenticatedRequest,
  ): Promise<{ tenant: string; context: BridgeContext | undefined }> {
    const context = decodeContext(request.headers[CONTEXT_HEADER]);
    if (this.secret) {
      if (!sameSecret(this.secret, request.headers[SECRET_HEADER])) {
        throw new OpstreamError('forbidden', `This needs the header ${SECRET_HEADER}`);
      }
      if (context) return { tenant: context.tenant, context };
    } else if (!isLoopback(clientAddress(request, this.trustProxy).replace(/^::ffff:/i, ''))) {
      throw new OpstreamError('forbidden', 'Only loopback addresses may announce without BRIDGE_SECRET');
    }
    const { tenant } = await this.security.admit(request);
    return { tenant, context };
  }
}

function sameSecret(secret: Buffer, given: unknown): boolean {
  if (typeof given !== 'string') return false;
  const bytes = Buffer.from(given);
  return bytes.length === secret.length && timingSafeEqual(bytes, secret);
}
