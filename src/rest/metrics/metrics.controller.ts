import { Controller, Get, Header, Req, UseFilters } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Registry } from 'prom-client';
import { requireScope, type AuthenticatedRequest } from '../../auth/auth.guard.js';
import { Authenticator } from '../../auth/authenticator.js';
import { Exposure } from '../../auth/exposure.js';
import { ProblemDetailsFilter } from '../problem-details.filter.js';

/** Prometheus text; open on this machine, requires `admin` elsewhere. */
@ApiTags('health')
@Controller('metrics')
@UseFilters(ProblemDetailsFilter)
export class MetricsController {
  constructor(
    private readonly registry: Registry,
    private readonly authenticator: Authenticator,
    private readonly exposure: Exposure,
  ) {}

  @Get()
  @Header('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE)
  @ApiOperation({ operationId: 'metrics', summary: "Metrics in Prometheus' text format" })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  async metrics(@Req() request: AuthenticatedRequest): Promise<string> {
    if (!this.exposure.isLocalRequest(request)) {
      requireScope(await this.authenticator.authenticate(request, true), 'admin');
    }
    return this.registry.metrics();
  }
}
