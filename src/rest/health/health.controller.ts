import type { Server } from 'node:net';
import { Controller, Get, Req, Res, UseFilters } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { Public, requireScope, type AuthenticatedRequest } from '../../auth/auth.guard.js';
import { Authenticator } from '../../auth/authenticator.js';
import { Exposure } from '../../auth/exposure.js';
import { Configuration } from '../../config/configuration.js';
import { VERSION } from '../../platform/version.js';
import { ProblemDetailsFilter } from '../problem-details.filter.js';
import { HealthIndicators, type Health } from './health-indicators.js';
import { HealthDetailsDto, HealthDto, LivenessDto, ReadinessDto, type OverallHealth } from './health.dto.js';

/** Liveness and readiness are public; details name addresses and require `admin` unless the caller is local. */
@ApiTags('health')
@Controller('health')
@Public()
@UseFilters(ProblemDetailsFilter)
export class HealthController {
  private readonly startedAt = Date.now();

  constructor(
    private readonly configuration: Configuration,
    private readonly indicators: HealthIndicators,
    private readonly host: HttpAdapterHost,
    private readonly exposure: Exposure,
    private readonly authenticator: Authenticator,
  ) {}

  /** The shape of Shared Context Server, whose browser client reads `config.websocket_port` from it. */
  @Get()
  @ApiOperation({ operationId: 'health', summary: 'Healthy while the process serves' })
  @ApiOkResponse({ type: HealthDto })
  health(): HealthDto {
    const { streaming } = this.configuration;
    return {
      status: 'healthy',
      websocket_support: streaming.enabled,
      endpoints: {
        web_ui: '/ws/{session_id}',
        mcp_agents: '/mcp/{session_id}',
        broadcast: '/broadcast/{session_id}',
      },
      config: { websocket_port: this.port() },
      mcpsock_available: streaming.enabled,
      version: VERSION,
      timestamp: new Date().toISOString(),
    };
  }

  @Get('live')
  @ApiOperation({ operationId: 'health_live', summary: 'The process runs' })
  @ApiOkResponse({ type: LivenessDto })
  live(): LivenessDto {
    return { status: 'UP' };
  }

  @Get('ready')
  @ApiOperation({
    operationId: 'health_ready',
    summary: 'Ready to serve; names degraded parts; 503 when a part is down',
  })
  @ApiOkResponse({ type: ReadinessDto })
  @ApiServiceUnavailableResponse({ type: ReadinessDto, description: 'A part is down' })
  ready(@Res({ passthrough: true }) response: { status(code: number): unknown }): ReadinessDto {
    const parts = this.indicators.check();
    const status = overall(Object.values(parts));
    if (status === 'DOWN') response.status(503);
    return { status, degraded: Object.keys(parts).filter((name) => parts[name]!.status !== 'up') };
  }

  @Get('details')
  @ApiOperation({
    operationId: 'health_details',
    summary: 'Every part with its reason; for administrators where others can reach the service',
  })
  @ApiOkResponse({ type: HealthDetailsDto })
  async details(@Req() request: AuthenticatedRequest): Promise<HealthDetailsDto> {
    if (!this.exposure.isLocalRequest(request)) {
      requireScope(await this.authenticator.authenticate(request, true), 'admin');
    }
    const parts = this.indicators.check();
    return {
      status: overall(Object.values(parts)),
      version: VERSION,
      uptime: Math.round((Date.now() - this.startedAt) / 1000),
      parts,
    };
  }

  /** The actual port, which a host application or PORT=0 chooses; before that, the configured one. */
  private port(): number {
    const address = (this.host.httpAdapter.getHttpServer() as Server).address();
    return typeof address === 'object' && address !== null ? address.port : this.configuration.http.port;
  }
}

function overall(parts: readonly Health[]): OverallHealth {
  if (parts.some(({ status }) => status === 'down')) return 'DOWN';
  return parts.every(({ status }) => status === 'up') ? 'UP' : 'DEGRADED';
}
