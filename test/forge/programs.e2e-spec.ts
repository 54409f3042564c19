import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliProcess, runCli } from '../harness/cli-process.js';
import { eventually } from '../harness/eventually.js';
import { FakeAttempt } from '../harness/fake-attempt.js';
import { FakeForge, WEB_PAGE } from '../harness/fake-forge.js';
import { RunningService } from '../harness/running-service.js';
import { ROOT } from '../harness/service-process.js';
import { neutralEnvironment } from '../harness/own-environment.js';

let forge: FakeForge;

beforeEach(async () => {
  forge = await new FakeForge().start();
});
afterEach(() => forge.stop());

describe('opstream forge watch', { timeout: 40_000 }, () => {
  let service: RunningService;

  beforeEach(async () => {
    service = await RunningService.start({ FORGE_URL: forge.url, STORE: 'memory' });
  });
  afterEach(() => service.stop());

  it('shows a run as it goes and tells by its exit code how it ended', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const cli = new CliProcess(['forge', 'watch', attempt.id, '--url', service.http]);
    await eventually('the diff is open', () => forge.open(attempt.diffPath).length === 1);
    attempt.say(agent, 0, 'assistant_message', 'thinking');
    attempt.diff('src/a.ts', 'x\n');
    await cli.shows('added src/a.ts');
    await cli.shows('thinking');
    attempt.endProcess(agent, 'failed', 3);
    expect(await cli.exit).toBe(1);
    expect(cli.stdout).toContain('The coding agent failed with exit code 3');
  });

  it('shares the operation with everyone else, and replays it as JSON', async () => {
    const attempt = new FakeAttempt(forge);
    attempt.diff('a', '1');
    attempt.endProcess(attempt.startProcess(), 'completed');
    const { body } = await service.rest.post(`/api/forge/attempts/${attempt.id}/watch`);
    const cli = new CliProcess(['forge', 'watch', attempt.id, '--json', '--url', service.http]);
    expect(await cli.exit).toBe(0);
    expect(cli.json.map((event) => (event as { operation_id: string }).operation_id)).toContain(
      body.operation_id,
    );
    expect(cli.stdout).toContain('added a');
  });

  it('an attempt that Forge does not know is an error', async () => {
    const { code, stdout, stderr } = await runCli(['forge', 'watch', 'unknown', '--url', service.http]);
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain('[404]');
  });
});

describe('The stream test program', () => {
  const run = (target: string): Promise<{ code: number; output: string }> =>
    new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [join(ROOT, 'scripts/test-forge-websocket.mjs'), target],
        { env: { ...neutralEnvironment(), FORGE_URL: forge.url } },
        (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
      );
    });

  it('S0-83, S0-84: connects with its headers and shows what comes', async () => {
    forge.stream(/\/api\/task-attempts\/A\/diff\/ws/, undefined, (socket) => {
      socket.send('{"finished":true}');
      socket.close(1000, 'done');
    });
    const { code, output } = await run('A');
    expect(code).toBe(0);
    expect(output).toContain('✅ Connected');
    expect(output).toContain('📨 {"finished":true}');
    expect(output).toContain('🔌 Closed 1000 done');
    expect(forge.sockets[0]!.headers).toMatchObject({
      origin: forge.url,
      'user-agent': 'Genie-MCP-Test/1.0',
    });
  });

  it('S0-85: shows the answer that came instead of an upgrade', async () => {
    forge.stream(/./, WEB_PAGE);
    const { code, output } = await run(`${forge.url.replace('http', 'ws')}/api/tasks/A/diff/ws`);
    expect(code).toBe(1);
    expect(output).toContain('HTTP 200: Answer');
    expect(output).toContain('<!DOCTYPE html>');
    expect(output).not.toContain('❌');
  });

  it.each([
    ['404 over a connection that is kept', { status: 404, body: '' }],
    ['a web page over a connection that is kept', WEB_PAGE],
  ])('S0-85 S0-86: ends when the answer is %s', async (_name, answer) => {
    forge.keepRefusedConnections = true;
    forge.stream(/./, answer);
    const { code, output } = await run('A');
    expect(code).toBe(1);
    expect(output).toContain(`HTTP ${answer.status ?? 200}`);
  });

  it('S0-84: says why it cannot connect', async () => {
    await forge.stop();
    const { code, output } = await run('A');
    expect(code).toBe(1);
    expect(output).toContain('❌ connect ECONNREFUSED');
  });
});
