import 'reflect-metadata';
import { request } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApplicationModule } from '../../examples/host-application/application.module.js';
import { InvalidConfigurationError } from '../../src/config/configuration.js';
import { configureOpstream } from '../../src/library.js';
import { RunningService } from '../harness/running-service.js';

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/** `fetch` decodes bodies and hides `Content-Encoding`. */
function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(url, { headers, method }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    })
      .on('error', reject)
      .end();
  });
}

const scriptOf = (html: Buffer): string => /src="\.\/(assets\/[^"]+\.js)"/.exec(html.toString())![1]!;

describe('dashboard: what the service serves', () => {
  let service: RunningService;
  let root: Answer;

  beforeAll(async () => {
    service = await RunningService.start();
    root = await get(`${service.http}/`);
  });
  afterAll(() => service.stop());

  it('the page is at the root, with a policy of its own, and is asked for again', () => {
    expect(root.status).toBe(200);
    expect(root.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(root.headers['cache-control']).toBe('no-cache');
    const policy = String(root.headers['content-security-policy']).split('; ');
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        `connect-src 'self' ws://127.0.0.1:${service.port} wss://127.0.0.1:${service.port}`,
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ]),
    );
    expect(root.body.toString()).toContain('name="opstream-root" content="./"');
  });

  it('nothing on the page is inline, and every file it names exists', async () => {
    const html = root.body.toString();
    expect(html).not.toMatch(/<script[^>]*>[^<\s]|<style|\sstyle=|\son\w+=/);
    const names = [...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map((match) => match[1]!);
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const file = await get(`${service.http}/${name}`);
      expect([name, file.status]).toEqual([name, 200]);
      expect(file.headers['cache-control']).toContain('immutable');
      expect(file.headers['x-content-type-options']).toBe('nosniff');
    }
  });

  it.each([
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const)('files go out in %s to whom takes it', async (encoding, decode) => {
    const url = `${service.http}/${scriptOf(root.body)}`;
    const plain = await get(url);
    expect(plain.headers['content-encoding']).toBeUndefined();
    const packed = await get(url, { 'accept-encoding': encoding });
    expect(packed.headers['content-encoding']).toBe(encoding);
    expect(packed.headers.vary).toContain('Accept-Encoding');
    expect(packed.body.length).toBeLessThan(plain.body.length / 2);
    expect(decode(packed.body).equals(plain.body)).toBe(true);
    const refused = await get(url, { 'accept-encoding': `${encoding};q=0` });
    expect(refused.headers['content-encoding']).toBeUndefined();
    const packedRoot = await get(`${service.http}/`, { 'accept-encoding': encoding });
    expect(decode(packedRoot.body).equals(root.body)).toBe(true);
  });

  it('a first visit loads at most 90 kB', async () => {
    const names = [...root.body.toString().matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map((match) => match[1]!);
    const sizes = await Promise.all(
      names.map(
        async (name) => (await get(`${service.http}/${name}`, { 'accept-encoding': 'br' })).body.length,
      ),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(90_000);
  });

  it('what the browser has is not sent again; HEAD sends no body', async () => {
    const etag = String(root.headers.etag);
    expect((await get(`${service.http}/`, { 'if-none-match': `"other", ${etag}` })).status).toBe(304);
    expect((await get(`${service.http}/`, { 'if-none-match': '"other"' })).status).toBe(200);
    const head = await get(`${service.http}/`, {}, 'HEAD');
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(Number(head.headers['content-length'])).toBe(root.body.length);
  });

  it('everything else at the root is as it was', async () => {
    const client = await service.hub('/');
    expect(client).toBeDefined();
    expect((await get(`${service.http}/nothing`)).status).toBe(404);
    expect((await get(`${service.http}/`, {}, 'POST')).status).toBe(405);
    expect((await get(`${service.http}/docs`)).status).toBe(200);
    expect((await get(`${service.http}/`, { host: 'evil.example' })).status).toBe(403);
  });
});

describe('dashboard: DASHBOARD_PATH', () => {
  let service: RunningService | undefined;
  afterEach(async () => {
    await service?.stop();
    service = undefined;
  });

  it('another path has the page, and the root leads to the API description', async () => {
    service = await RunningService.start({ DASHBOARD_PATH: '/ops/live', WEBSOCKET_PATH: '/bots' });
    const redirect = await get(`${service.http}/ops/live`);
    expect([redirect.status, redirect.headers.location]).toEqual([308, 'live/']);
    const page = await get(`${service.http}/ops/live/`);
    expect(page.body.toString()).toContain('name="opstream-root" content="../../"');
    expect(page.body.toString()).toContain('name="opstream-agents" content="/bots"');
    expect((await get(`${service.http}/ops/live/${scriptOf(page.body)}`)).status).toBe(200);
    const root = await get(`${service.http}/`);
    expect([root.status, root.headers.location]).toEqual([302, 'docs']);
  });

  it.each([
    ['DASHBOARD_PATH', 'off'],
    ['ENABLE_WEBSOCKET', 'false'],
  ])('%s=%s leaves it out', async (name, value) => {
    service = await RunningService.start({ [name]: value });
    expect((await get(`${service.http}/`)).headers.location).toBe('docs');
  });

  it.each(['dash', '/api', '/mcp/x', '/a b', '/../x', '/x/'])('%j is refused at the start', async (path) => {
    await expect(RunningService.start({ DASHBOARD_PATH: path })).rejects.toThrow(InvalidConfigurationError);
    await expect(RunningService.start({ DASHBOARD_PATH: path })).rejects.toThrow('DASHBOARD_PATH');
  });
});

describe.each([
  ['Fastify', () => new FastifyAdapter()],
  ['Express', () => new ExpressAdapter()],
])('dashboard: in a host application on %s', (_name, adapter) => {
  let app: INestApplication;
  afterEach(() => app.close());

  const start = async (options: object): Promise<string> => {
    app = await NestFactory.create(ApplicationModule.with({ store: 'memory', ...options }), adapter(), {
      logger: false,
    });
    configureOpstream(app);
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  };

  it('it is off until the host sets a path', async () => {
    expect((await get(`${await start({})}/`)).status).toBe(404);
  });

  it('it is where the host wants it', async () => {
    const url = await start({ dashboardPath: '/watch' });
    const page = await get(`${url}/watch/`, { 'accept-encoding': 'br' });
    expect([page.status, page.headers['content-encoding']]).toEqual([200, 'br']);
    const html = brotliDecompressSync(page.body);
    expect((await get(`${url}/watch/${scriptOf(html)}`)).status).toBe(200);
    expect((await get(`${url}/hello`)).status).toBe(200);
  });
});
