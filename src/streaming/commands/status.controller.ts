import { Body, Controller, Get, HttpCode, Post, UseFilters, UseGuards } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { AuthGuard, RequireScope } from '../../auth/auth.guard.js';
import { CurrentPrincipal } from '../../auth/current-principal.decorator.js';
import type { Principal } from '../../auth/principal.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import type { ServerStats } from '../../client/protocol/operation-events.js';
import { HubStatus, type WebSocketStatus } from './status.js';

class HubStatsDto implements ServerStats {
  @ApiProperty({ type: 'integer' }) connected_clients: number;
  @ApiProperty({ type: 'integer' }) active_operations: number;
  @ApiProperty({ type: 'integer' }) total_operations: number;
  @ApiProperty({ type: 'integer' }) subscriptions: number;
}

class HubStatusDto implements WebSocketStatus {
  @ApiProperty() available: boolean;
  @ApiProperty() running: boolean;
  @ApiProperty({ type: HubStatsDto, nullable: true }) stats: HubStatsDto | null;
}

class GradioStatusDto {
  @ApiProperty({ type: [HubStatusDto], minItems: 1, maxItems: 1 }) data: [HubStatusDto];
}

@ApiTags('status')
@Controller('api')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('operations:read')
export class StatusController {
  constructor(private readonly hub: HubStatus) {}

  @Get('stats')
  @ApiOperation({ operationId: 'get_stats', summary: 'Counters of clients, operations and subscriptions' })
  @ApiOkResponse({ type: HubStatsDto })
  stats(@CurrentPrincipal() caller: Principal): Promise<ServerStats> {
    return this.hub.stats(caller.tenant);
  }

  @Get('status')
  @ApiOperation({ operationId: 'get_status', summary: 'Whether sockets are served, and the counters' })
  @ApiOkResponse({ type: HubStatusDto })
  status(@CurrentPrincipal() caller: Principal): Promise<WebSocketStatus> {
    return this.hub.status(caller.tenant);
  }

  /** The status call of MCP Hub's Gradio application: arguments and answer are wrapped in `data`. */
  @Post('get_websocket_status_service')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'get_websocket_status_service',
    summary: 'The status in the shape of a Gradio call',
  })
  @ApiBody({
    required: false,
    description: 'What the application sends, usually {"data":[]}; it is not looked at',
    schema: {},
  })
  @ApiOkResponse({ type: GradioStatusDto })
  async gradioStatus(
    @Body() _body: unknown,
    @CurrentPrincipal() caller: Principal,
  ): Promise<GradioStatusDto> {
    return { data: [await this.hub.status(caller.tenant)] };
  }
}
