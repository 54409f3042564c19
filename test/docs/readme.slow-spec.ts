import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { eventually } from '../harness/eventually.js';
import { freePort } from '../harness/free-port.js';
import { neutralEnvironment } from '../harness/own-environment.js';
import { ROOT } from '../harness/service-process.js';

interface Block {
  readonly language: string;
  readonly text: string;
}

/** What a newcomer types, in the order in which README says it, for a service on another port. */
function blocks(port: number): Block[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  // What is marked as a console shows a session; it is not to be typed.
  const found = [...readme.matchAll(/^```(\w+)\n(.*?)^```/gms)].filter(([, kind]) => kind !== 'console');
  return found.map(([, language, text]) => ({
    language: language!,
    text: text!.replaceAll(':8765', `:${port}`),
  }));
}

describe('README, typed from its beginning', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'opstream-readme-'));
  const started: ChildProcess[] = [];
  let port: number;
  let all: Block[];
  let env: Record<string, string>;
  let output = '';

  /** One block in a shell of its own, as in a terminal of its own. */
  function type(command: string): { child: ChildProcess; said: () => string } {
    const child = spawn('bash', ['-c', command], { cwd: ROOT, env, detached: true });
    started.push(child);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return { child, said: () => text };
  }

  const block = (containing: string): string => {
    const found = all.find(({ text }) => text.includes(containing));
    if (!found) throw new Error(`README has no block with ${containing}`);
    return found.text;
  };

  async function finished(command: string): Promise<string> {
    const { child, said } = type(command);
    const [code] = (await once(child, 'close')) as [number | null];
    expect([code, said()]).toEqual([0, said()]);
    return said();
  }

  beforeAll(async () => {
    port = await freePort();
    all = blocks(port);
    env = {
      ...neutralEnvironment(),
      PORT: String(port),
      DATA_DIR: folder,
      NO_COLOR: '1',
      OPSTREAM_URL: `http://127.0.0.1:${port}`,
    };
    expect(all[0]).toEqual({ language: 'sh', text: 'npm start\n' });
    const service = type(all[0]!.text);
    service.child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually('the service to be ready', () => output.includes('Opstream is ready on'), 60_000);
  });

  afterAll(async () => {
    for (const { pid, exitCode } of started.toReversed()) {
      if (exitCode === null && pid !== undefined) {
        try {
          process.kill(-pid, 'SIGTERM');
        } catch {
          // It has ended in the meantime.
        }
      }
    }
    await eventually(
      'everything to end',
      () => started.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null),
      20_000,
    );
    rmSync(folder, { recursive: true, force: true });
  });

  it('the commands show something at once, and what follows does not break them', async () => {
    const monitor = type(block('opstream monitor'));
    await eventually('the monitor to say what it follows', () => monitor.said().includes('Ctrl-C'), 20_000);
    const run = await finished(block('opstream run'));
    expect(run).toContain('step 5/5');
    await eventually('the monitor to show the run', () => monitor.said().includes('completed'), 20_000);
  });

  it('the requests work as often as one likes', async () => {
    for (let time = 0; time < 2; time += 1) {
      const said = await finished(`${block('curl -sN')}\nwait`);
      expect(said).toContain('event: completed');
      expect(said).not.toContain('"status":4');
      // Ids are of a second each.
      await new Promise((resolve) => setTimeout(resolve, 1100));
    }
    const { operations } = await new RestClient({ url: `http://127.0.0.1:${port}` }).listOperations({});
    expect(operations.filter(({ status }) => status === 'completed')).toHaveLength(3);
  });

  it('the JavaScript shows the log in Node', async () => {
    const program = block('new WebSocket(');
    const node = spawn(process.execPath, ['--input-type=module', '-e', program]);
    started.push(node);
    let said = '';
    node.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    node.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually('the log', () => said.includes("event_type: 'completed'"), 20_000).finally(() =>
      node.kill(),
    );
    expect(said).toContain("event_type: 'connected'");
  });

  it('S1-28 S1-29 the JavaScript shows the log in the console of the page that README names', async () => {
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    });
    try {
      const page = await browser.newPage();
      const lines: string[] = [];
      page.on('console', (message) => lines.push(message.text()));
      // The other names of the same machine's own port are as good.
      for (const host of ['127.0.0.1', 'localhost']) {
        await page.goto(`http://${host}:${port}/docs`);
        const before = lines.length;
        const program = block('new WebSocket(').replace('console.log(JSON.parse(data))', 'console.log(data)');
        await page.evaluate(program.replaceAll('127.0.0.1', host));
        await eventually(
          'the log',
          () => lines.slice(before).some((line) => line.includes('"completed"')),
          20_000,
        );
      }
    } finally {
      await browser.close();
    }
  });
});
