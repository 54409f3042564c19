import type { Server } from 'node:net';
import { Controller, Get, Headers } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Public } from '../../auth/auth.guard.js';
import { Configuration } from '../../config/configuration.js';

class UiConfigDto {
  @ApiProperty({ type: 'integer' }) websocket_port: number;
  @ApiProperty() websocket_host: string;
}

/** Where browser clients of sessions find the sockets: here, or at the other end of the bridge. */
@ApiTags('sessions')
@Controller('ui')
@Public()
export class UiConfigController {
  constructor(
    private readonly configuration: Configuration,
    private readonly host: HttpAdapterHost,
  ) {}

  @Get('config')
  @ApiOperation({ operationId: 'ui_config', summary: 'Host and port of the session sockets' })
  @ApiOkResponse({ type: UiConfigDto })
  config(@Headers('host') asked: string | undefined): UiConfigDto {
    const { http, sessions } = this.configuration;
    if (sessions.bridgeUrl !== undefined) {
      const { hostname, port, protocol } = new URL(sessions.bridgeUrl);
      const standard = protocol === 'https:' ? 443 : 80;
      return { websocket_port: port === '' ? standard : Number(port), websocket_host: hostname };
    }
    const address = (this.host.httpAdapter.getHttpServer() as Server).address();
    const port = typeof address === 'object' && address !== null ? address.port : http.port;
    const url =
      asked !== undefined && URL.canParse(`http://${asked}`) ? new URL(`http://${asked}`) : undefined;
    return { websocket_port: port, websocket_host: url?.hostname ?? http.host };
  }
}
