import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../harness/service-process.js';

const PAGE = `
import { HubClient, MCPWebSocketClient, RestClient, WebSocketClient } from 'opstream/client';
const hub = new HubClient({ webSocket: WebSocket });
new MCPWebSocketClient('ws://x').on('progress', (event) => event.data.progress.toFixed());
new WebSocketClient('ws://x', 'token', { webSocket: WebSocket, logger: console });
new RestClient({ fetch: window.fetch.bind(window) });
export async function show(): Promise<number | undefined> {
  for await (const event of hub.follow('x')) {
    if (event.event_type === 'completed') return event.data.duration;
    // @ts-expect-error a log has no progress
    if (event.event_type === 'log') event.data.progress;
  }
  return undefined;
}`;

const NODE = `
import { WebSocket } from 'ws';
import { EventEmitter, once } from 'node:events';
import { HubClient, MessageBatcher, WebSocketClient } from 'opstream/client';
const client = new WebSocketClient('ws://x', async () => 'token');
// @ts-expect-error there is no such event
client.on('conected', () => {});
export const emitters: EventEmitter[] = [client, new MessageBatcher(), new HubClient()];
export const soon = once(client, 'connected');
export const hubs = [new HubClient({ webSocket: WebSocket }), new HubClient({ webSocket: globalThis.WebSocket })];`;

/** What a project that uses the package's declarations sees, compiled by the compiler itself. */
describe('the declarations of opstream/client', () => {
  let project: string;

  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), 'opstream-types-'));
    mkdirSync(join(project, 'node_modules'));
    symlinkSync(ROOT, join(project, 'node_modules/opstream'));
    for (const name of ['ws', '@types']) {
      symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
    }
    writeFileSync(join(project, 'package.json'), '{"type":"module"}');
  });

  afterEach(() => rmSync(project, { recursive: true, force: true }));

  async function compile(source: string, options: object): Promise<string> {
    const base = { module: 'nodenext', target: 'ES2023', strict: true, noEmit: true };
    writeFileSync(join(project, 'source.ts'), source);
    const config = { compilerOptions: { ...base, ...options }, files: ['source.ts'] };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const run = promisify(execFile)(process.execPath, [compiler, '-p', project]);
    return run.then(
      () => 'compiled',
      (error: { stdout: string }) => error.stdout,
    );
  }

  it('need nothing of Node in a page', async () => {
    expect(await compile(PAGE, { lib: ['ES2023', 'DOM'], types: [] })).toBe('compiled');
  });

  it('take the sockets of ws and of Node', async () => {
    expect(await compile(NODE, { lib: ['ES2023'], types: ['node'], skipLibCheck: true })).toBe('compiled');
  });
});
