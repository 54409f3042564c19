import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Injectable, type INestApplication, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import {
  configureOpstream,
  defineTool,
  McpWebSocketTransport,
  OpstreamModule,
  Prompt,
  ResourceRegistry,
  ResourceTemplate,
  Tool,
  type ToolContext,
  ToolRegistry,
  UserError,
} from 'opstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { McpClient } from '../harness/mcp-client.js';

@Injectable()
class Builds {
  @Tool({
    scope: null,
    name: 'build',
    description: 'Builds a branch',
    parameters: z.object({ branch: z.string() }),
  })
  async build({ branch }: { branch: string }, { streamContent }: ToolContext): Promise<string> {
    await streamContent({ type: 'text', text: 'compiling' });
    if (branch === 'none') throw new UserError('There is no such branch');
    return `Built ${branch}`;
  }

  @ResourceTemplate({
    scope: null,
    uriTemplate: 'build://{id}/log',
    name: 'Build log',
    mimeType: 'text/plain',
  })
  log({ id = '' }: Record<string, string>): { text: string } {
    return { text: `Log of ${id}` };
  }

  @Prompt({ name: 'review', arguments: [{ name: 'branch', required: true }] })
  review({ branch = '' }: Record<string, string>): string {
    return `Review ${branch}`;
  }
}

@ApiTags('mcp')
@Controller('items')
class Items {
  @Get(':item_id')
  @ApiOperation({ operationId: 'get_item' })
  @ApiParam({ name: 'item_id', schema: { type: 'integer' } })
  get(@Param('item_id') id: string): object {
    return { item_id: Number(id) };
  }
}

@Module({
  imports: [OpstreamModule.forRoot({ store: 'memory' })],
  controllers: [Items],
  providers: [Builds],
})
class HostModule {}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe.each([
  ['Fastify', () => new FastifyAdapter()],
  ['Express', () => new ExpressAdapter()],
])('MCP inside a Nest application on %s', (_name, adapter) => {
  let app: INestApplication;
  let other: Server;
  let mcp: McpWebSocketTransport;
  let ws: string;
  let elsewhere: string;

  beforeAll(async () => {
    app = await NestFactory.create(HostModule, adapter(), { logger: false });
    configureOpstream(app);
    mcp = app.get(McpWebSocketTransport);
    mcp.mountWebSocket();
    await app.listen(0, '127.0.0.1');
    other = createServer((_request, response) => response.end('the other server'));
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    ws = `ws://127.0.0.1:${portOf(app.getHttpServer() as Server)}`;
    elsewhere = `127.0.0.1:${portOf(other)}`;
  });
  afterAll(async () => {
    await app.close();
    other.close();
  });

  it('S0-02 S0-05 S0-19 S0-20: its tools, templates, prompts and endpoints are offered', async () => {
    const client = await McpClient.connect(`${ws}/ws`);
    await client.initialize();
    expect((await client.call('build', { branch: 'main' })).content[0]?.text).toBe('Built main');
    expect(await client.call('build', { branch: 'none' })).toMatchObject({
      isError: true,
      content: [{ text: 'There is no such branch' }],
    });
    expect(await client.result('resources/read', { uri: 'build://7/log' })).toMatchObject({
      contents: [{ text: 'Log of 7', mimeType: 'text/plain' }],
    });
    expect(await client.result('prompts/get', { name: 'review', arguments: { branch: 'x' } })).toMatchObject({
      messages: [{ content: { text: 'Review x' } }],
    });
    expect((await client.call('get_item', { item_id: 5 })).structuredContent).toMatchObject({ item_id: 5 });
    client.terminate();
  });

  it('its registries take tools and tell of changes at run time', async () => {
    const client = await McpClient.connect(`${ws}/ws`);
    await client.initialize();
    const tools = app.get(ToolRegistry);
    tools.add(defineTool({ scope: null, name: 'late', description: 'Added later' }, () => 'added'));
    await client.notification('notifications/tools/list_changed');
    expect((await client.call('late')).content[0]?.text).toBe('added');
    tools.remove('late');
    await client.result('resources/subscribe', { uri: 'build://7/log' });
    app.get(ResourceRegistry).notifyUpdated('build://7/log');
    await client.notification('notifications/resources/updated', ({ uri }) => uri === 'build://7/log');
    client.terminate();
  });

  it('S3-06 S3-07 S3-08: mounts on /ws, on paths of its own after listen, and on another server', async () => {
    mcp.mountWebSocket({ mountPath: '/late' });
    mcp.mountWebSocket({ mountPath: '/tools', router: other });
    for (const url of [`${ws}/ws`, `${ws}/late`, `ws://${elsewhere}/tools`]) {
      const client = await McpClient.connect(url);
      expect((await client.initialize()).protocolVersion).toBe('2025-11-25');
      client.terminate();
    }
    expect(await (await fetch(`http://${elsewhere}/`)).text()).toBe('the other server');
    await expect(McpClient.connect(`ws://${elsewhere}/elsewhere`)).rejects.toThrow('400');
    expect(() => mcp.mountWebSocket({ mountPath: 'no path' })).toThrow('is not a path');
  });

  it('S3-09 S3-34 S3-10 S3-29 S3-35: externalWsUrl dials out as well, and shutdown closes what was dialled', async () => {
    const far = await NestFactory.create(HostModule, adapter(), { logger: false });
    configureOpstream(far);
    await far.listen(0, '127.0.0.1');
    mcp.mountWebSocket({ externalWsUrl: `ws://127.0.0.1:${portOf(far.getHttpServer() as Server)}/ws` });
    const client = await McpClient.connect(`${ws}/ws`);
    await client.initialize();
    await client.notification('notifications/tools/list_changed');
    const { structuredContent } = await client.call('external_get_item', { item_id: 6 });
    expect(structuredContent).toMatchObject({ item_id: 6 });
    const message = { jsonrpc: '2.0', id: 'x', method: 'tools/call', params: { name: 'nobody' } };
    expect(await mcp.sendToExternalWebSocket(message)).toMatchObject({ id: 'x', error: { code: -32602 } });
    mcp.mountWebSocket({ mountPath: '/again', router: other });
    const mounted = [client, await McpClient.connect(`ws://${elsewhere}/again`)];
    const kept = await McpClient.connect(`${ws}/mcp`);
    await mcp.shutdown();
    await expect(mcp.sendToExternalWebSocket(message)).rejects.toThrow();
    for (const { closed } of mounted) expect(await closed).toMatchObject({ code: 1001 });
    await expect(McpClient.connect(`ws://${elsewhere}/again`)).rejects.toThrow();
    await expect(McpClient.connect(`${ws}/ws`)).rejects.toThrow('400');
    // The application goes on, and may mount again.
    expect(await kept.result('ping')).toEqual({});
    mcp.mountWebSocket();
    const back = await McpClient.connect(`${ws}/ws`);
    back.terminate();
    kept.terminate();
    // The far side has nobody left, so that nothing holds up its end.
    await far.close();
    client.terminate();
  });
});
