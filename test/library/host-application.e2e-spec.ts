import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApplicationModule } from '../../examples/host-application/application.module.js';
import { configureOpstream } from '../../src/library.js';
import { JsonSocket } from '../harness/json-socket.js';
import { HubClient } from '../harness/hub-client.js';
import { RestClient } from '../harness/rest-client.js';
import { SseClient } from '../harness/sse-client.js';

describe.each([
  ['Fastify', () => new FastifyAdapter()],
  ['Express', () => new ExpressAdapter()],
])('library: Opstream inside a Nest application on %s', (_name, adapter) => {
  let folder: string;
  let app: INestApplication;
  let port: number;
  let rest: RestClient;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'opstream-host-'));
    app = await NestFactory.create(ApplicationModule.with({ dataDir: folder }), adapter(), {
      logger: false,
    });
    configureOpstream(app);
    await app.listen(0, '127.0.0.1');
    port = (app.getHttpServer() as { address(): { port: number } }).address().port;
    rest = new RestClient(`http://127.0.0.1:${port}`);
  });
  afterAll(async () => {
    await app.close();
    await rm(folder, { recursive: true });
  });

  it("the application's own routes work as ever", async () => {
    expect(await rest.get('/hello')).toMatchObject({
      status: 200,
      body: { hello: 'from the host application' },
    });
  });

  it('D-02: its own @SubscribeMessage gateway and the hub are used at once', async () => {
    const hub = await HubClient.connect(`ws://127.0.0.1:${port}/hub`);
    const id = `count-${port}`;
    await hub.subscribe(id);
    const chat = await JsonSocket.connect(`ws://127.0.0.1:${port}/chat`);
    chat.send({ event: 'say', data: 'hello' });
    expect(await chat.next()).toEqual({ event: 'said', data: 'hello' });
    chat.send({ event: 'count', data: { id, to: 3 } });
    const events = await hub.through('completed');
    expect(events.filter(({ event_type: type }) => type === 'progress')).toHaveLength(3);
    expect(await chat.next()).toEqual({ event: 'counted', data: 3 });
    hub.terminate();
    chat.terminate();
  });

  it('its work is followed over the hub, SSE and REST', async () => {
    const started = await rest.post('/reports', { title: 'Q3', rows: 4 });
    const id = started.body.operation_id as string;
    const client = await HubClient.connect(`ws://127.0.0.1:${port}/hub`);
    await client.subscribe(id, { replay: true });
    const events = await client.through('completed');
    expect(events.map(({ event_type: type }) => type)).toEqual([
      'status',
      'status',
      ...Array.from({ length: 4 }, () => 'progress'),
      'result',
      'completed',
    ]);
    const stream = await SseClient.open(`http://127.0.0.1:${port}/api/operations/${id}/stream`);
    expect((await stream.take(8)).map(({ data }) => data)).toEqual(events);
    await stream.end();
    expect((await rest.get(`/api/operations/${id}`)).body).toMatchObject({
      status: 'completed',
      result: { title: 'Q3', rows: 4 },
      metadata: { title: 'Q3', rows: 4 },
    });
    const read = await SseClient.open(`http://127.0.0.1:${port}/api/operations/${id}/stream?after_seq=8`);
    expect(read.response.status).toBe(204);
    await client.close();
  });

  it('cancelling stops its work', async () => {
    const started = await rest.post('/reports', { rows: 10_000 });
    const path = `/api/operations/${started.body.operation_id as string}`;
    await expect.poll(async () => (await rest.get(path)).body.status).toBe('collecting');
    expect((await rest.post(`${path}/cancel`, { reason: 'enough' })).body.status).toBe('cancelled');
    const count = (await rest.get(path)).body.event_count;
    // Another whole report takes its time; the cancelled one adds nothing meanwhile.
    await rest.post('/checks', { title: 'x' });
    expect((await rest.get(path)).body.event_count).toBe(count);
  });

  it('a decorated method is an operation; its failure answers the request and ends the operation', async () => {
    expect((await rest.post('/imports', { source: 'a,b,c' })).body).toEqual({ rows: 3 });
    expect((await rest.post('/imports', { source: ',' })).status).toBe(500);
    const { body } = await rest.get<{ operations: object[] }>('/api/operations?type=import_rows');
    expect(body.operations).toMatchObject([
      { status: 'error', error_type: 'RangeError', metadata: { source: ',' } },
      { status: 'completed', metadata: { source: 'a,b,c' } },
    ]);
  });

  it('batches as JSON and as NDJSON are taken', async () => {
    const id = await rest.open();
    const event = { event_type: 'log', data: { message: 'x' } };
    expect((await rest.post(`/api/operations/${id}/events`, [event, event])).status).toBe(201);
    const lines = `${JSON.stringify(event)}\n${JSON.stringify(event)}\n`;
    for (const type of ['application/x-ndjson', 'application/jsonl']) {
      const answer = await rest.post(`/api/operations/${id}/events`, lines, { 'content-type': type });
      expect(answer).toMatchObject({ status: 201, body: { receipts: [{}, {}] } });
    }
    expect((await rest.get(`/api/operations/${id}`)).body.event_count).toBe(7);
  });

  it("Opstream's routes answer problems; the application's keep Nest's own errors", async () => {
    expect(await rest.get('/api/operations/nobody')).toMatchObject({
      status: 404,
      type: 'application/problem+json; charset=utf-8',
      body: { code: 'operation_not_found' },
    });
    const own = await rest.get('/not-there');
    expect(own).toMatchObject({ status: 404, body: { statusCode: 404, error: 'Not Found' } });
    expect(own.type).not.toContain('problem');
    const id = await rest.open();
    expect((await rest.post(`/api/operations/${id}/progress`, { progress: 2 })).body.code).toBe(
      'invalid_event',
    );
  });

  it('pages from elsewhere may not call it', async () => {
    const headers = { origin: 'https://elsewhere.example' };
    const answer = await rest.request('GET', '/api/stats', { headers });
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    const upgrade = HubClient.connect(`ws://127.0.0.1:${port}/hub`, { headers });
    await expect(upgrade).rejects.toThrow('403');
  });

  it("S4-70: the application's requests are counted, too", async () => {
    await rest.get('/hello');
    await expect
      .poll(async () => (await rest.get('/metrics')).text)
      .toMatch(/^http_requests_total\{method="GET",route="\/hello",status_code="200"\} \d+$/m);
  });

  it('clients are told when the application closes', async () => {
    const client = await HubClient.connect(`ws://127.0.0.1:${port}/hub`);
    await app.close();
    expect((await client.closed).code).toBe(1001);
  });
});
