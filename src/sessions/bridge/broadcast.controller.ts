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
import { isDeeperThan, MAX_MESSAGE_DEPTH } from '../../platform/json.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { SessionBus } from '../session-bus.js';
import { audienceOf, CONTEXT_HEADER, decodeContext, SECRET_HEADER, type BridgeContext } from './audience.js';
import { BridgeClient } from './bridge-client.service.js';
import { readAnnouncement, type InvalidBody } from './broadcast-body.js';
import { BroadcastResultDto, InvalidBodyDto } from './broadcast.dto.js';

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
    @Res({ passthrough: true }) response: { status(code: number): unknown },
  ): Promise<BroadcastResultDto | InvalidBody> {
    if (sessionId === '') throw new OpstreamError('not_found', 'There is no session id');
    const { tenant, context } = await this.admit(request);
    const announced = readAnnouncement(body);
    if ('invalid' in announced) {
      response.status(422);
      return announced.invalid;
    }
    const { object } = announced;
    try {
      if (isDeeperThan(object, MAX_MESSAGE_DEPTH)) throw new Error('the body is nested too deeply');
      this.announce(tenant, sessionId, JSON.stringify(object), context ?? audienceOf(object), context);
      return { success: true, session_id: sessionId };
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      this.logger.warn(`Failed to broadcast to session ${sessionId}: ${reason}`);
      return { success: false, error: reason };
    }
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
