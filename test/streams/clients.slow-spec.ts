import { execFile, spawnSync } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DurableStream, RestClient } from '../../src/client/index.js';
import { installed, pythonWith } from '../harness/cached-packages.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { Proxy } from '../harness/proxy.js';
import { ServiceProcess } from '../harness/service-process.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const GO_CACHE = here('../../.ci/cache/go-durable-streams');
const isGoInstalled = spawnSync('go', ['version']).status === 0;
const isNginxInstalled = Proxy.isInstalled('nginx');
// CI installs it; elsewhere its absence is said, and the clients connect without it.
if (!isNginxInstalled && process.env.CI === 'true') throw new Error('nginx is not installed');
if (!isNginxInstalled) console.warn('nginx is not installed: clients are tested without it');
if (!isGoInstalled) console.warn('go is not installed: its client is not tested');

interface Heard {
  readonly received: readonly number[];
  readonly again?: readonly number[];
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('Durable Streams with clients that nobody here wrote', { timeout: 300_000 }, () => {
  let service: ServiceProcess;
  let nginx: Proxy | undefined;
  let proxy: CuttableProxy | undefined;

  beforeAll(async () => {
    service = await ServiceProcess.start();
    nginx = isNginxInstalled ? await Proxy.caching(service.port) : undefined;
    proxy = await CuttableProxy.inFrontOf(nginx?.port ?? service.port);
  }, 120_000);
  afterAll(async () => {
    await proxy?.close();
    await nginx?.stop();
    await service.stop();
  });

  /** Runs a client whose connection is lost again and again, until it ends. */
  async function whileCut<T>(client: () => Promise<T>): Promise<T> {
    const cutting = setInterval(() => proxy!.cut(), 150);
    try {
      return await client();
    } finally {
      clearInterval(cutting);
    }
  }

  const urls = (): [string, string] => [`${service.url}/v1/stream`, `${proxy!.url}/v1/stream`];
  const last = (output: string): unknown => JSON.parse(output.trim().split('\n').at(-1)!);

  /** Modules are found from where the script is. */
  async function node(script: string, args: readonly string[]): Promise<unknown> {
    const directory = await installed('durable-streams-transports');
    const copy = `${directory}${basename(script)}`;
    await copyFile(here(script), copy);
    return last((await run(process.execPath, [copy, ...args], { timeout: 120_000 })).stdout);
  }

  it('@durable-streams/client writes and follows over lost connections: nothing twice, nothing missing', async () => {
    const heard = (await whileCut(() => node('clients/client.mjs', urls()))) as Heard;
    expect(heard).toEqual({ received: upTo(200), again: upTo(200) });
  });

  it('durable-streams of PyPI writes, follows and resumes', async () => {
    const python = await pythonWith('python-durable-streams');
    const args = [here('clients/client.py'), ...urls()];
    const { stdout } = await whileCut(() => run(python, args, { timeout: 120_000 }));
    expect(last(stdout)).toEqual({ received: upTo(100), again: upTo(100) });
  });

  it.runIf(isGoInstalled)('the Go client writes, follows and resumes', async () => {
    await mkdir(GO_CACHE, { recursive: true });
    await copyFile(here('clients/client.go.txt'), `${GO_CACHE}/main.go`);
    await copyFile(here('clients/go.mod.txt'), `${GO_CACHE}/go.mod`);
    await copyFile(here('clients/go.sum.txt'), `${GO_CACHE}/go.sum`);
    await run('go', ['build', '-o', 'client', '.'], { cwd: GO_CACHE });
    const { stdout } = await whileCut(() => run(`${GO_CACHE}/client`, urls(), { timeout: 120_000 }));
    expect(last(stdout)).toEqual({ received: upTo(100) });
  });

  it('an answer of the AI SDK survives a reload', async () => {
    const answer = await node('../../examples/streams/ai-sdk.mjs', [service.url]);
    expect(answer).toEqual({
      before: ['start', 'text-start', 'Once ', 'upon '],
      after: ['start', 'text-start', 'Once ', 'upon ', 'a ', 'time', 'text-end', 'finish'],
    });
  });

  it('a conversation of TanStack AI survives a reload', async () => {
    const answer = await node('../../examples/streams/tanstack-ai.mjs', [service.url]);
    expect(answer).toEqual({ before: ['Tell me a story', 'Once ', 'upon '], after: ['a ', 'time'] });
  });

  it.runIf(isNginxInstalled)(
    'a cache answers for a public stream, keeps no private one, and hides no end',
    async () => {
      const cached = async (path: string): Promise<string | null> => {
        const answer = await fetch(`${nginx!.url}/v1/stream/${path}`);
        await answer.arrayBuffer();
        return answer.headers.get('x-cache');
      };
      for (const [path, isPublic] of [
        ['cache/public', true],
        ['cache/private', false],
      ] as const) {
        const stream = new DurableStream(new RestClient({ url: service.url }), path);
        await stream.create({ contentType: 'text/plain', isPublic });
        await stream.append('Once ');
        await cached(path);
        expect(await cached(path)).toBe(isPublic ? 'HIT' : 'MISS');
        // Readers through the cache begin with what it keeps, and go on from there.
        const readers = [1, 2, 3].map(async () => {
          let text = '';
          const reader = new DurableStream(new RestClient({ url: nginx!.url }), path);
          for await (const chunk of reader.read()) text += chunk.text;
          for await (const chunk of reader.follow()) {
            if (chunk.closed) return text.length > 0;
          }
          return false;
        });
        const whole = (async () => {
          let text = '';
          for await (const chunk of new DurableStream(new RestClient({ url: nginx!.url }), path).follow())
            text += chunk.text;
          return text;
        })();
        await stream.append('upon ');
        await stream.close('a time');
        expect(await whole).toBe('Once upon a time');
        expect(await Promise.all(readers)).toEqual([true, true, true]);
      }
    },
  );
});
