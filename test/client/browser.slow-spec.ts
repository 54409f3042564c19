import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient, type OperationEvent } from '../../src/client/index.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { FakeForge } from '../harness/fake-forge.js';
import { ROOT, ServiceProcess } from '../harness/service-process.js';
import { eventually } from '../harness/eventually.js';

declare global {
  /** What the page under test collects; only there. */
  var seen: OperationEvent[];
  var ended: string | undefined;
  var losses: number;
  var messages: [number, unknown][];
  var leave: () => void;
  var sdk: typeof import('../../src/client/index.js');
}

let files: Server;
let service: ServiceProcess;
let proxy: CuttableProxy;
let browser: Browser;
let page: Page;
let rest: RestClient;

const PAGE = `<!doctype html><title>SDK</title>
<script type="module">import * as sdk from '/index.js'; globalThis.sdk = sdk;</script>`;

/** The built SDK as plain modules and a page that loads it: no bundler, no import map. */
async function serveSdk(): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://x').pathname);
    if (path === '/') {
      response.setHeader('content-type', 'text/html').end(PAGE);
      return;
    }
    readFile(join(ROOT, 'dist/client', path)).then(
      (file) => response.setHeader('content-type', 'text/javascript').end(file),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

beforeAll(async () => {
  files = await serveSdk();
  const origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  service = await ServiceProcess.start({ ALLOWED_ORIGINS: origin });
  proxy = await CuttableProxy.inFrontOf(service.port);
  rest = new RestClient({ url: service.url });
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  page = await browser.newPage();
  await page.goto(origin);
  await page.waitForFunction(() => globalThis.sdk !== undefined);
});

afterAll(async () => {
  await browser?.close();
  await proxy?.close();
  await service?.stop();
  files?.close();
});

describe('the SDK in a browser', () => {
  it('follows an operation through cut connections: each event once, in order', async () => {
    const { operation_id: id } = await rest.createOperation('job');
    await page.evaluate(
      async ({ url, id }) => {
        const { HubClient } = globalThis.sdk;
        globalThis.seen = [];
        globalThis.losses = 0;
        const hub = new HubClient({ url, reconnect: { maxAttempts: Infinity, delay: () => 20 } });
        hub.on('disconnected', () => globalThis.losses++);
        const follow = async (): Promise<void> => {
          for await (const event of hub.follow(id, { afterSeq: 0 })) {
            globalThis.seen.push(event as OperationEvent);
          }
          globalThis.ended = 'ended';
          hub.close();
        };
        void follow().catch((error: unknown) => (globalThis.ended = String(error)));
      },
      { url: proxy.url, id },
    );
    for (let round = 0; round < 5; round++) {
      await eventually('the page', () =>
        page.evaluate((count) => globalThis.seen.length >= count, round * 20 + 1),
      );
      proxy.cutAfter(700 + round * 101);
      for (let step = 1; step <= 20; step++) {
        const data = { progress: (round * 20 + step) / 100, message: `step ${step} of round ${round}` };
        await rest.record(id, [{ event_type: 'progress', data }]);
      }
    }
    await rest.record(id, [{ event_type: 'result', data: { result: 'done' } }]);
    await eventually('the loop to end', () => page.evaluate(() => globalThis.ended !== undefined));
    expect(await page.evaluate(() => globalThis.ended)).toBe('ended');
    expect(await page.evaluate(() => globalThis.seen)).toEqual((await rest.getEvents(id, 0, 1000)).events);
    expect(await page.evaluate(() => globalThis.losses)).toBeGreaterThan(2);
  });

  it('records an operation over REST, and runs the classes of the documents', async () => {
    const outcome = await page.evaluate(
      async ({ url }) => {
        const { sdk } = globalThis;
        const job = new sdk.OperationProducer(new sdk.RestClient({ url }), 'from-a-page');
        job.progress(0.5, 'half');
        await job.result({ page: true });
        const client = new sdk.MCPWebSocketClient(url.replace('http', 'ws'));
        await client.connect();
        const subscribed = new Promise((resolve) => client.on('subscribed', resolve));
        client.subscribe('anything');
        const answer = (await subscribed) as { operation_id: string };
        client.disconnect();
        const batcher = new sdk.MessageBatcher({ batchSize: 2 });
        const batch = new Promise<{ count: number }>((resolve) => batcher.on('batch', resolve));
        batcher.add(1);
        batcher.add(2);
        batcher.stop();
        return { id: job.operationId, subscribed: answer.operation_id, count: (await batch).count };
      },
      { url: service.url },
    );
    expect(outcome).toMatchObject({ subscribed: 'anything', count: 2 });
    expect(await rest.getOperation(outcome.id)).toMatchObject({
      status: 'completed',
      result: { page: true },
    });
  });

  it('S0-27, S0-32, S0-34: WebSocketManager pools, parses and reconnects in a page too', async () => {
    const upstream = await new FakeForge().start();
    upstream.stream(/./);
    await page.evaluate(
      (url) => {
        globalThis.messages = [];
        const manager = new globalThis.sdk.WebSocketManager({ reconnect: { delay: () => 20 } });
        const ids = [1, 2].map((n) =>
          manager.subscribe(url, (data) => void globalThis.messages.push([n, data])),
        );
        globalThis.leave = () => ids.forEach((id) => manager.unsubscribe(id));
      },
      `${upstream.url.replace('http', 'ws')}/stream`,
    );
    await eventually('one socket', () => upstream.openSockets === 1);
    upstream.send(/./, { file: 'a' }, 'text');
    upstream.drop();
    await eventually('it is replaced', () => upstream.sockets.length === 2 && upstream.openSockets === 1);
    upstream.send(/./, 'again');
    await eventually('both heard', () => page.evaluate(() => globalThis.messages.length === 6));
    expect(await page.evaluate(() => globalThis.messages)).toEqual([
      [1, { file: 'a' }],
      [2, { file: 'a' }],
      [1, 'text'],
      [2, 'text'],
      [1, 'again'],
      [2, 'again'],
    ]);
    await page.evaluate(() => globalThis.leave());
    await eventually('no socket', () => upstream.openSockets === 0);
    expect(upstream.sockets).toHaveLength(2);
    await upstream.stop();
  });
});
