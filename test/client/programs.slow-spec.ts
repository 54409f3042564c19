import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { freePort } from '../harness/free-port.js';
import { HubClient } from '../harness/hub-client.js';
import { prepare } from '../harness/installed-client.js';
import { RestClient } from '../harness/rest-client.js';
import { ROOT, ServiceProcess } from '../harness/service-process.js';

const run = promisify(execFile);
const PROGRAMS = join(ROOT, 'test/client/programs');
const NGINX = '/usr/sbin/nginx';
/** Missing programs fail the whole run; elsewhere their tests are skipped, and the report says so. */
const required = process.env.CI === 'true';
const has = (file: string): boolean => required || existsSync(file);

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

const LINES = ['one', 'two \u2028 \u0085 \u{1F600}', 'three'];
const EVENTS = [
  [1, 'status'],
  [2, 'log', LINES[0]],
  [3, 'log', LINES[1]],
  [4, 'log', LINES[2]],
  [5, 'result'],
  [6, 'completed'],
];

/** Records while somebody follows: the stream is quiet for longer than its comments, and ends. */
async function record(): Promise<void> {
  for (const message of LINES) {
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await rest.post('/api/operations/followed/log', { message });
  }
  await rest.post('/api/operations/followed/result', { result: { done: true } });
}

async function begin(): Promise<void> {
  await rest.request('POST', '/api/operations/followed/cancel');
  await rest.request('DELETE', '/api/operations/followed');
  await rest.post('/api/operations', { operation_type: 't', operation_id: 'followed' });
}

const WEBSOCKETS = ['10.4', '12.0', '15.0.1', '17.0'];
const STREAM = '/api/operations/followed/stream?after_seq=0';

describe('Python libraries with their defaults', () => {
  it.each([
    ['requests', ['requests==2.34.0'], 'requests', STREAM],
    ['httpx with httpx-sse', ['httpx==0.28.1', 'httpx-sse==0.4.3'], 'httpx', STREAM],
    ['websocket-client', ['websocket-client==1.9.0'], 'websocket_client', '/hub'],
    ...WEBSOCKETS.map(
      (version) => [`websockets ${version}`, [`websockets==${version}`], 'websockets', '/hub'] as const,
    ),
  ] as const)('%s follows an operation to its end', async (name, packages, library, path) => {
    const { directory } = await prepare({
      kind: 'python',
      name: `follow-${name.replaceAll(/[^\w.]+/g, '-')}`,
      packages,
    });
    await begin();
    const base = library.startsWith('websocket') ? service.url.replace('http', 'ws') : service.url;
    const args = [join(PROGRAMS, 'follow.py'), library, base + path];
    const [{ stdout }] = await Promise.all([run(`${directory}venv/bin/python`, args), record()]);
    const told = (JSON.parse(stdout) as unknown[][]).map((event) => event.filter((part) => part !== null));
    expect(told).toMatchObject(EVENTS);
  });
});

describe('clients that offer h2c', () => {
  it.skipIf(!has('/usr/bin/java'))("Java's HttpClient", async () => {
    await begin();
    const [{ stdout }] = await Promise.all([
      run('java', [join(PROGRAMS, 'Follow.java'), service.url], { cwd: tmpdir() }),
      record(),
    ]);
    expect(stdout.trim().split('\n')).toEqual([
      'create 201',
      'mcp 200',
      'cancel 200',
      'events 6',
      'hub true',
    ]);
  });

  it('curl --http2', async () => {
    await begin();
    await record();
    const { stdout } = await run('curl', ['-sN', '--http2', service.url + STREAM]);
    expect(stdout.match(/^id: /gm)?.length).toBeGreaterThanOrEqual(EVENTS.length);
    const body = ['--json', '{"operation_type":"curl"}', '-w', '%{http_code}', '-o', '/dev/null'];
    const created = await run('curl', ['-s', '--http2', ...body, `${service.url}/api/operations`]);
    expect(created.stdout).toBe('201');
  });
});

describe.skipIf(!has(NGINX))('nginx as docs/proxies.md has it', () => {
  let folder: string;
  let nginx: ChildProcess;
  let proxied: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'opstream-nginx-'));
    const port = await freePort();
    proxied = `http://127.0.0.1:${port}`;
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join('\n');
    await writeFile(
      join(folder, 'nginx.conf'),
      `pid ${folder}/pid; daemon off; ${process.getuid?.() === 0 ? 'user root;' : ''} error_log ${folder}/error.log;
events {}
http {
access_log off;
${paths}
${await serverBlock(port)}
}
`,
    );
    nginx = spawn(NGINX, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], {
      stdio: 'ignore',
    });
    await eventually('nginx answers', () =>
      fetch(`${proxied}/health/live`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  });
  afterAll(async () => {
    nginx.kill('SIGQUIT');
    // A browser's helpers still write into its profile for a moment after it was killed.
    await rm(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  /** The page's own block, with this test's ports in place of its own. */
  async function serverBlock(port: number): Promise<string> {
    const text = await readFile(join(ROOT, 'docs/proxies.md'), 'utf8');
    const [, block = ''] = /```nginx\n([^]*?)```/.exec(text) ?? [];
    return block
      .replace('server {', `server {\n  listen 127.0.0.1:${port};`)
      .replaceAll('127.0.0.1:8765', new URL(service.url).host);
  }

  it('passes an event on when it is recorded, sockets, and a body of 5 MB', async () => {
    await begin();
    const abort = new AbortController();
    const stream = await fetch(proxied + STREAM, { signal: abort.signal });
    const reader = stream.body!.getReader();
    const decoder = new TextDecoder();
    let text = '';
    const until = async (word: string): Promise<void> => {
      while (!text.includes(word)) text += decoder.decode((await reader.read()).value, { stream: true });
    };
    await until('"status"');
    const hub = await HubClient.connect(`${proxied.replace('http', 'ws')}/hub`);
    await rest.post('/api/operations/followed/log', { message: 'through the proxy' });
    await until('through the proxy');
    abort.abort();
    hub.terminate();
    const lines = 'x'.repeat(5 * 1024 * 1024);
    const sent = await fetch(`${proxied}/api/operations/followed/lines`, { method: 'POST', body: lines });
    expect(sent.status).toBe(201);
  });

  it.skipIf(!has('/usr/bin/chromium'))(
    'serves EventSource and fetch of a page from another origin, in Chromium',
    async () => {
      await begin();
      page = `<script>
const told = [];
const source = new EventSource(${JSON.stringify(proxied + STREAM)});
const tell = (text) => fetch('/', { method: 'POST', body: text });
source.onerror = () => { if (source.readyState === 2) tell('closed: ' + JSON.stringify(told)); };
for (const type of ['status', 'log', 'result', 'completed']) source.addEventListener(type, async ({ data }) => {
  told.push(JSON.parse(data).seq);
  if (type !== 'completed') return;
  source.close();
  const init = { method: 'POST', headers: { 'content-type': 'application/json', traceparent: '00-1-1-00' },
    body: '{"operation_type":"page"}' };
  const { status } = await fetch(${JSON.stringify(`${proxied}/api/operations`)}, init).catch(() => ({}));
  tell(JSON.stringify([told, status]));
});
</script>`;
      const answer = new Promise<string>((resolve) => (found = resolve));
      const args = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${folder}/chromium`];
      const chromium = spawn('/usr/bin/chromium', [...args, originOf(pages)], { stdio: 'ignore' });
      try {
        await record();
        expect(JSON.parse(await answer)).toEqual([[1, 2, 3, 4, 5, 6], 201]);
      } finally {
        chromium.kill('SIGKILL');
      }
    },
  );
});
