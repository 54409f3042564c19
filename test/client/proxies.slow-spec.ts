import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient } from '../harness/hub-client.js';
import { Proxy, type ProxyName } from '../harness/proxy.js';
import { RestClient } from '../harness/rest-client.js';
import { ROOT, ServiceProcess } from '../harness/service-process.js';

/** Missing programs fail the whole run; elsewhere their tests are skipped, and the report says so. */
const required = process.env.CI === 'true';
const CHROMIUM = '/usr/bin/chromium';
const STREAM = '/api/operations/followed/stream?after_seq=0';

let service: ServiceProcess;
let rest: RestClient;
/** A page's own server: what the page found is posted to it. */
let pages: Server;
let page = '';
let found: ((text: string) => void) | undefined;

beforeAll(async () => {
  pages = createServer((request, response) => {
    if (request.method === 'POST') {
      let text = '';
      request.on('data', (bytes: Buffer) => (text += bytes.toString()));
      request.on('end', () => found?.(text));
      return void response.writeHead(204).end();
    }
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
  });
  await new Promise<void>((resolve) => void pages.listen(0, '127.0.0.1', resolve));
  service = await ServiceProcess.start({
    STORE: 'memory',
    HEARTBEAT_INTERVAL_MS: '1000',
    ALLOWED_ORIGINS: originOf(pages),
    // Caddy says that it forwards, and what is forwarded is not local.
    ALLOW_ANONYMOUS: 'true',
  });
  rest = new RestClient(service.url);
});
afterAll(async () => {
  pages.closeAllConnections();
  pages.close();
  await service.stop();
});

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function begin(): Promise<void> {
  await rest.request('POST', '/api/operations/followed/cancel');
  await rest.request('DELETE', '/api/operations/followed');
  await rest.post('/api/operations', { operation_type: 't', operation_id: 'followed' });
}

/** The page's own block, with the test's addresses in place of its own. */
async function documented(language: string): Promise<(port: number) => string> {
  const text = await readFile(join(ROOT, 'docs/proxies.md'), 'utf8');
  const [, block = ''] = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(text) ?? [];
  return (port) =>
    block
      .replace('server {', `server {\n  listen 127.0.0.1:${port};`)
      .replace('bind :80', `bind 127.0.0.1:${port}`)
      .replace(/^:80 \{/m, `http://127.0.0.1:${port} {`)
      .replaceAll('127.0.0.1:8765', new URL(service.url).host);
}

const PROXIES: readonly (readonly [ProxyName, string])[] = [
  ['nginx', 'nginx'],
  ['haproxy', 'haproxy'],
  ['caddy', 'caddyfile'],
];

describe.each(PROXIES)('%s as docs/proxies.md has it', (name, language) => {
  if (!required && !Proxy.isInstalled(name)) {
    it.skip('is not installed', () => {});
    return;
  }
  let proxy: Proxy;

  beforeAll(async () => {
    proxy = await Proxy.start(name, await documented(language));
  });
  afterAll(() => proxy.stop());

  it('passes an event on when it is recorded, sockets, and a body of 5 MB', async () => {
    await begin();
    const abort = new AbortController();
    const stream = await fetch(proxy.url + STREAM, { signal: abort.signal });
    expect(stream.status).toBe(200);
    const reader = stream.body!.getReader();
    const decoder = new TextDecoder();
    let text = '';
    const until = async (word: string): Promise<void> => {
      while (!text.includes(word)) text += decoder.decode((await reader.read()).value, { stream: true });
    };
    await until('"status"');
    const hub = await HubClient.connect(`${proxy.url.replace('http', 'ws')}/hub`);
    await rest.post('/api/operations/followed/log', { message: 'through the proxy' });
    await until('through the proxy');
    abort.abort();
    hub.terminate();
    const lines = 'x'.repeat(5 * 1024 * 1024);
    const sent = await fetch(`${proxy.url}/api/operations/followed/lines`, { method: 'POST', body: lines });
    expect(sent.status).toBe(201);
  });

  it('keeps an idle stream and an idle socket, and passes their ends on', async () => {
    await begin();
    const hub = await HubClient.connect(`${proxy.url.replace('http', 'ws')}/hub`);
    await hub.subscribe('followed', { after_seq: 0 });
    const stream = fetch(proxy.url + STREAM).then((answer) => answer.text());
    // Longer than a heartbeat, so that the proxy passes pings and comments, too.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await rest.post('/api/operations/followed/result', { result: { done: true } });
    expect(await stream).toContain('event: completed');
    await hub.through('completed');
    hub.terminate();
  });
});

describe.runIf(required || (Proxy.isInstalled('nginx') && existsSync(CHROMIUM)))(
  'Chromium behind nginx',
  () => {
    it('serves EventSource and fetch of a page from another origin', async () => {
      const proxy = await Proxy.start('nginx', await documented('nginx'));
      await begin();
      page = `<script>
const told = [];
const source = new EventSource(${JSON.stringify(proxy.url + STREAM)});
const tell = (text) => fetch('/', { method: 'POST', body: text });
source.onerror = () => { if (source.readyState === 2) tell('closed: ' + JSON.stringify(told)); };
for (const type of ['status', 'log', 'result', 'completed']) source.addEventListener(type, async ({ data }) => {
  told.push(JSON.parse(data).seq);
  if (type !== 'completed') return;
  source.close();
  const init = { method: 'POST', headers: { 'content-type': 'application/json', traceparent: '00-1-1-00' },
    body: '{"operation_type":"page"}' };
  const { status } = await fetch(${JSON.stringify(`${proxy.url}/api/operations`)}, init).catch(() => ({}));
  tell(JSON.stringify([told, status]));
});
</script>`;
      const answer = new Promise<string>((resolve) => (found = resolve));
      const args = [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        `--user-data-dir=${proxy.folder}/chromium`,
      ];
      const chromium = spawn(CHROMIUM, [...args, originOf(pages)], { stdio: 'ignore' });
      try {
        for (const message of ['one', 'two', 'three']) {
          await new Promise((resolve) => setTimeout(resolve, 1200));
          await rest.post('/api/operations/followed/log', { message });
        }
        await rest.post('/api/operations/followed/result', { result: { done: true } });
        expect(JSON.parse(await answer)).toEqual([[1, 2, 3, 4, 5, 6], 201]);
      } finally {
        chromium.kill('SIGKILL');
        await proxy.stop();
      }
    });
  },
);
