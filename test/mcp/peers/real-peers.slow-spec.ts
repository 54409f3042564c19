import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Peers } from '../../../src/mcp/peers/peers.service.js';
import { installed, pythonWith } from '../../harness/cached-packages.js';
import { eventually } from '../../harness/eventually.js';
import { freePort } from '../../harness/free-port.js';
import { goProgram, isGoInstalled } from '../../harness/installed-client.js';
import { McpClient } from '../../harness/mcp-client.js';
import { RunningService } from '../../harness/running-service.js';

/** Servers that others wrote, as they come from their registries: used, killed, restarted and frozen while calls run. */

const PROGRAMS = fileURLToPath(new URL('real/', import.meta.url));

interface RealPeer {
  readonly name: string;
  /** @returns the command line */
  command(port: number): Promise<readonly string[]>;
  readonly env?: (port: number) => Record<string, string>;
  readonly url?: (port: number) => string;
  readonly settings?: object;
  readonly echo: { readonly tool: string; readonly args: object; readonly says: string };
  readonly count: (to: number, ms: number) => { readonly tool: string; readonly args: object };
  /** Whether log lines come over its transport, and name their call. */
  readonly logs: boolean;
  /** `counts` from where it likes, and to what it likes. */
  readonly progress?: 'counts' | false;
}

const echo = { tool: 'echo', args: { text: 'hello' }, says: 'hello' };
const count = (to: number, ms: number) => ({ tool: 'count', args: { to, every_ms: ms } });

const PEERS: readonly RealPeer[] = [
  {
    name: 'server-everything',
    command: async () => [
      process.execPath,
      `${await installed('real-peers')}node_modules/@modelcontextprotocol/server-everything/dist/index.js`,
      'streamableHttp',
    ],
    env: (port) => ({ PORT: String(port) }),
    echo: { tool: 'echo', args: { message: 'hello' }, says: 'Echo: hello' },
    count: (to, ms) => ({
      tool: 'trigger-long-running-operation',
      args: { duration: (to * ms) / 1000, steps: to },
    }),
    logs: false,
  },
  ...(['sessions', 'stateless'] as const).map((mode): RealPeer => ({
    name: `fastmcp of JavaScript, ${mode}`,
    command: async (port) => [
      process.execPath,
      `${PROGRAMS}fastmcp-js.mjs`,
      await installed('real-peers'),
      String(port),
      mode,
    ],
    echo,
    count,
    // They come on the standing stream, which names no call, and without sessions there is none.
    logs: false,
  })),
  ...(['stateless', 'reject'] as const).map((legacy): RealPeer => ({
    name: `SDK v2 of JavaScript, legacy: ${legacy}`,
    command: (port) => Promise.resolve([process.execPath, `${PROGRAMS}sdk-v2.mjs`, String(port), legacy]),
    echo,
    count,
    logs: legacy === 'reject',
  })),
  ...(['streamableHttp', 'ws'] as const).map((transport): RealPeer => ({
    name: `supergateway to ${transport}`,
    command: async (port) => {
      const packages = `${await installed('real-peers')}node_modules`;
      const inner = `${process.execPath} ${packages}/@modelcontextprotocol/server-everything/dist/index.js stdio`;
      const gateway = [process.execPath, `${packages}/supergateway/dist/index.js`, '--stdio', inner];
      const path = transport === 'ws' ? '--messagePath' : '--streamableHttpPath';
      return [
        ...gateway,
        '--outputTransport',
        transport,
        '--port',
        String(port),
        path,
        '/mcp',
        '--logLevel',
        'none',
      ];
    },
    ...(transport === 'ws' && { url: (port: number) => `ws://127.0.0.1:${port}/mcp` }),
    echo: { tool: 'echo', args: { message: 'hello' }, says: 'Echo: hello' },
    count: (to, ms) => ({
      tool: 'trigger-long-running-operation',
      args: { duration: (to * ms) / 1000, steps: to },
    }),
    logs: false,
    // The bridge drops what is no answer.
    ...(transport !== 'ws' && { progress: false as const }),
  })),
  ...(['sessions', 'stateless'] as const).map((mode): RealPeer => ({
    name: `fastmcp of Python, ${mode}`,
    command: async (port) => [
      await pythonWith('python-fastmcp'),
      `${PROGRAMS}fastmcp_py.py`,
      String(port),
      mode,
    ],
    echo,
    count,
    logs: true,
  })),
  ...(['sessions', 'stateless'] as const).map((mode): RealPeer => ({
    name: `SDK 2.x of Python, ${mode}`,
    command: async (port) => [
      await pythonWith('python-fastmcp'),
      `${PROGRAMS}sdk2_py.py`,
      String(port),
      mode,
    ],
    echo,
    count,
    logs: true,
  })),
  ...(['sessions', 'stateless'] as const).map((mode): RealPeer => ({
    name: `SDK 1.x of Python, ${mode}`,
    command: async (port) => [await pythonWith('python-sdk1'), `${PROGRAMS}sdk1_py.py`, String(port), mode],
    echo,
    count,
    logs: true,
  })),
  {
    name: 'SDK 1.x of Python, WebSocket',
    command: async (port) => [
      await pythonWith('python-sdk1'),
      `${PROGRAMS}sdk1_py.py`,
      String(port),
      'websocket',
    ],
    url: (port) => `ws://127.0.0.1:${port}/mcp`,
    settings: { subprotocol: 'mcp' },
    echo,
    count,
    // They come, and name no call.
    logs: false,
  },
  ...(['sessions', 'stateless'] as const)
    .filter(() => isGoInstalled)
    .map((mode): RealPeer => ({
      name: `go-sdk, ${mode}`,
      command: async (port) => [await goProgram('go-sdk-peer'), String(port), mode],
      echo,
      count,
      logs: true,
    })),
  {
    name: 'fastapi-mcp',
    command: async (port) => [
      await pythonWith('python-fastapi-mcp'),
      `${PROGRAMS}fastapi_py.py`,
      String(port),
    ],
    echo: { ...echo, says: '"hello"' },
    count,
    logs: false,
    // Endpoints of an application report nothing.
    progress: false,
  },
  {
    name: 'gradio',
    command: async (port) => [await pythonWith('python-gradio'), `${PROGRAMS}gradio_py.py`, String(port)],
    env: () => ({ GRADIO_ANALYTICS_ENABLED: 'False' }),
    url: (port) => `http://127.0.0.1:${port}/gradio_api/mcp/`,
    echo,
    count,
    logs: false,
    progress: 'counts',
  },
];

const ENV = { ...process.env, NODE_ENV: 'production' };

class Running {
  private child: ChildProcess | undefined;

  constructor(
    private readonly peer: RealPeer,
    private readonly port: number,
  ) {}

  async start(): Promise<void> {
    const [program = '', ...args] = await this.peer.command(this.port);
    const env = { ...ENV, ...this.peer.env?.(this.port) };
    this.child = spawn(program, args, { stdio: 'ignore', env, detached: true });
  }

  /** Ends it and whatever it has started, without warning. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    process.kill(-child.pid, 'SIGKILL');
    await exited;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(-this.child!.pid!, signal);
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const [event] = await Promise.race([
    once(socket, 'connect').then(() => ['connect']),
    once(socket, 'error').then(() => ['error']),
  ]).catch(() => ['error']);
  socket.destroy();
  return event === 'connect';
}

/** Milliseconds; a busy machine starts a Python program in seconds. */
const PATIENCE = 60_000;

async function within(what: string, holds: () => Promise<boolean> | boolean): Promise<number> {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > PATIENCE) throw new Error(`${what}: not within ${PATIENCE / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return performance.now() - began;
}

describe.each(PEERS)('$name', (peer) => {
  let port: number;
  let running: Running;
  let service: RunningService;
  let client: McpClient;

  beforeAll(async () => {
    port = await freePort();
    running = new Running(peer, port);
    await running.start();
    await within('it listens', () => listens(port));
    const url = peer.url?.(port) ?? `http://127.0.0.1:${port}/mcp`;
    service = await RunningService.start({
      STORE: 'memory',
      LOG_LEVEL: 'silent',
      MCP_PEERS: JSON.stringify([{ name: 'p', url, ...peer.settings }]),
      MCP_PEER_RETRY_MAX_MS: '1000',
      MCP_PING_INTERVAL_MS: '2000',
      MCP_PING_TIMEOUT_MS: '2000',
      MCP_REQUEST_TIMEOUT_MS: '3000',
    });
    client = await McpClient.connect(`${service.ws}/mcp`);
    await client.initialize();
    await within('its tools are offered', async () =>
      (await client.result('tools/list')).tools.some(({ name }) => name === `p_${peer.echo.tool}`),
    );
  }, 300_000);
  afterAll(async () => {
    client?.terminate();
    await service?.stop();
    await running.kill();
  });

  async function says(): Promise<boolean> {
    const { content } = await client.call(`p_${peer.echo.tool}`, peer.echo.args as Record<string, unknown>);
    return content[0]?.text === peer.echo.says;
  }

  async function counting(from: McpClient, to: number, ms: number, token?: string) {
    const { tool, args } = peer.count(to, ms);
    const meta = token === undefined ? {} : { _meta: { progressToken: token } };
    return from.call(`p_${tool}`, args as Record<string, unknown>, meta);
  }

  it('answers, and reports of two calls at once reach their callers', async () => {
    expect(await says()).toBe(true);
    const other = await McpClient.connect(`${service.ws}/mcp`);
    await other.initialize();
    const callers = [client, other];
    await Promise.all(callers.map((caller, index) => counting(caller, 4 + index, 100, `t${index}`)));
    for (const [index, caller] of callers.entries()) {
      const to = 4 + index;
      const progress = caller.of('notifications/progress').map(({ params }) => params.progress);
      if (peer.progress === undefined) {
        expect(progress).toEqual(Array.from({ length: to }, (_none, n) => n + 1));
      } else if (peer.progress === 'counts') {
        expect(progress.length).toBeGreaterThanOrEqual(to);
        expect(progress).toEqual([...progress].sort((a, b) => Number(a) - Number(b)));
      }
      const lines = caller.of('notifications/message').map(({ params }) => String(params.data));
      if (peer.logs)
        expect(lines).toEqual(
          Array.from(
            { length: to },
            (_none, n) => expect.stringContaining(`line ${n + 1} of ${to}`) as string,
          ),
        );
    }
    other.terminate();
  });

  it('killed while a call runs, and started again after a while', async () => {
    const call = counting(client, 40, 200);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await running.kill();
    const { content, isError } = await call;
    expect([isError, content[0]?.text]).toEqual([
      true,
      expect.stringMatching(/gave no answer, it (may have been|was not) carried out/),
    ]);
    await within('the loss is noticed', () => service.get(Peers).get('p')?.state !== 'connected');
    expect(JSON.stringify((await service.rest.request('GET', '/health/details')).body)).toContain('p: ');
    await running.start();
    await within('it listens again', () => listens(port));
    const ms = await within('it answers again', says);
    console.log(`${peer.name}: back ${Math.round(ms)} ms after a slow restart`);
  });

  it('killed and started again at once', async () => {
    await running.kill();
    await running.start();
    await within('it listens again', () => listens(port));
    const ms = await within('it answers again', says);
    console.log(`${peer.name}: back ${Math.round(ms)} ms after a quick restart`);
    expect(ms).toBeLessThan(15_000);
  });

  it('frozen while a call runs', async () => {
    running.signal('SIGSTOP');
    const began = performance.now();
    const { isError, content } = await client.call(
      `p_${peer.echo.tool}`,
      peer.echo.args as Record<string, unknown>,
    );
    const took = performance.now() - began;
    running.signal('SIGCONT');
    expect([isError, content[0]?.text]).toEqual([
      true,
      expect.stringMatching(/no answer|not connected|lost/),
    ]);
    expect(took).toBeLessThan(8000);
    await eventually('it answers again', says);
  });
});
