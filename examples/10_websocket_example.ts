import 'reflect-metadata';
import { Controller, Get, Module, Param, ParseIntPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { configureOpstream, McpWebSocketTransport, OpstreamModule } from 'opstream';

/** An HTTP endpoint of the application. Tagged `mcp`, it is also the MCP tool `get_item`. */
@ApiTags('mcp')
@Controller('items')
class ItemsController {
  @Get(':item_id')
  @ApiOperation({ operationId: 'get_item', summary: 'Get one item' })
  @ApiParam({ name: 'item_id', schema: { type: 'integer' } })
  getItem(@Param('item_id', ParseIntPipe) itemId: number) {
    return { item_id: itemId, name: `Item ${itemId}` };
  }
}

@Module({
  imports: [OpstreamModule.forRoot({ store: 'memory' })],
  controllers: [ItemsController],
})
class ExampleModule {}

/**
 * Serves MCP over WebSocket on `/ws`.
 * @param externalWsUrl another MCP endpoint that is dialled as well, e.g. wss://api.xiaozhi.me/mcp/?token=YOUR_TOKEN
 */
export async function startExample(port: number, externalWsUrl?: string): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(ExampleModule, new FastifyAdapter(), {
    logger: ['warn', 'error'],
  });
  configureOpstream(app);
  app.enableShutdownHooks();
  app.get(McpWebSocketTransport).mountWebSocket({ mountPath: '/ws', externalWsUrl });
  await app.listen(port, '127.0.0.1');
  return app;
}

if (import.meta.filename === process.argv[1]) {
  await startExample(8000, process.env.EXTERNAL_WS_URL);
  console.log('MCP over WebSocket on ws://127.0.0.1:8000/ws');
}
