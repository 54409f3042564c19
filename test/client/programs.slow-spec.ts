import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goProgram, isGoInstalled, prepare } from '../harness/installed-client.js';
import { RestClient } from '../harness/rest-client.js';
import { ROOT, ServiceProcess } from '../harness/service-process.js';

const run = promisify(execFile);
const PROGRAMS = join(ROOT, 'test/client/programs');
/** Missing programs fail the whole run; elsewhere their tests are skipped, and the report says so. */
const required = process.env.CI === 'true';
const has = (file: string): boolean => required || existsSync(file);

let service: ServiceProcess;
let rest: RestClient;

beforeAll(async () => {
  service = await ServiceProcess.start({ STORE: 'memory', HEARTBEAT_INTERVAL_MS: '1000' });
  rest = new RestClient(service.url);
});
afterAll(() => service.stop());

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

describe('Go', () => {
  it.runIf(isGoInstalled)('gorilla/websocket follows compressed, resumes and closes', async () => {
    const program = await goProgram('gorilla');
    const hub = `${service.url.replace('http', 'ws')}/hub`;
    const follow = async (after: string): Promise<{ first: string; told: unknown[]; last: string }> => {
      const { stdout } = await run(program, [hub, 'followed', after]);
      const [first = '', ...lines] = stdout.trim().split('\n');
      const last = lines.pop() ?? '';
      return { first, told: lines.map((line) => JSON.parse(line) as unknown), last };
    };
    await begin();
    const [live] = await Promise.all([follow('0'), record()]);
    expect(live.first).toContain('permessage-deflate');
    expect(live.told).toMatchObject(EVENTS.map((event) => expect.arrayContaining(event) as unknown));
    expect(live.last).toBe('true');
    expect((await follow('4')).told).toEqual(live.told.slice(4));
  });
});

describe('Rust', () => {
  const isInstalled = spawnSync('cargo', ['--version']).status === 0;

  it.runIf(isInstalled)('tungstenite follows, resumes and closes', async () => {
    const target = join(ROOT, '.ci/cache/rust');
    const env = { ...process.env, CARGO_TARGET_DIR: target };
    await run('cargo', ['build', '--quiet', '--locked'], { cwd: join(PROGRAMS, 'rust'), env });
    const hub = `${service.url.replace('http', 'ws')}/hub`;
    const follow = async (after: string): Promise<{ told: unknown[]; last: string }> => {
      const { stdout } = await run(join(target, 'debug/follow'), [hub, 'followed', after]);
      const lines = stdout.trim().split('\n');
      const last = lines.pop() ?? '';
      const messages = lines
        .map((line) => JSON.parse(line) as HubEvent)
        .filter(({ seq }) => seq !== undefined);
      return { told: messages.map(({ seq, event_type, data }) => [seq, event_type, data.message]), last };
    };
    await begin();
    const [live] = await Promise.all([follow('0'), record()]);
    expect(live.told).toMatchObject(EVENTS.map((event) => expect.arrayContaining(event) as unknown));
    expect(live.last).toBe('true');
    expect((await follow('4')).told).toEqual(live.told.slice(4));
  });
});

interface HubEvent {
  readonly seq?: number;
  readonly event_type: string;
  readonly data: { readonly message?: string };
}
