import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/harness/eventually.js';
import { envelope, FakeForge, WEB_PAGE } from '../../../test/harness/fake-forge.js';
import { recordedExchanges } from '../../../test/harness/forge-fixtures.js';
import { Configuration } from '../../config/configuration.js';
import { ForgeMetrics } from '../forge.metrics.js';
import { ForgeClient } from './forge-client.service.js';

describe('ForgeClient', () => {
  let forge: FakeForge;
  let client: ForgeClient;

  beforeEach(async () => {
    forge = await new FakeForge().start();
    client = clientOf(forge.url);
  });
  afterEach(() => forge.stop());

  const recorded = (name: string) => {
    const exchange = recordedExchanges().find((one) => one.name === name)!;
    const path = new RegExp(`^${new URL(exchange.request.path, 'http://x').pathname}$`);
    forge.route(exchange.request.method, path, {
      status: exchange.status,
      contentType: exchange.content_type ?? '',
      body: exchange.json ?? exchange.text ?? '',
    });
    return exchange;
  };

  it('S0-V17: asks nothing more once its caller has left, not even again', async () => {
    forge.route('GET', /^\/api\/task-attempts\//, () => {
      forge.dropConnections();
      return envelope({});
    });
    const leaving = new AbortController();
    const asked = client.getTaskAttempt('a', leaving.signal).catch((error: unknown) => error);
    await eventually('the first attempt fails', () => forge.requests.length === 1);
    leaving.abort();
    expect(await asked).toMatchObject({ code: 'forge_unavailable' });
    // Longer than the pauses between attempts.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(forge.requests).toHaveLength(1);
    expect(await client.getTaskAttempt('a').catch((error: unknown) => error)).toMatchObject({
      code: 'forge_unavailable',
    });
    expect(forge.requests).toHaveLength(4);
  });

  it('X-62, X-64: unwraps what a real server answered', async () => {
    for (const name of ['projects-list', 'tasks-list', 'attempt-get', 'procs-final', 'branches'])
      recorded(name);
    const [project] = await client.listProjects();
    expect(project).toMatchObject({ name: 'demo', git_repo_path: expect.any(String) });
    expect(await client.listTasks(project!.id)).toMatchObject([{ status: 'todo' }]);
    const attemptId = '457f001e-32c7-460d-95ad-a49312deb94b';
    expect(await client.getTaskAttempt(attemptId)).toMatchObject({ id: attemptId, target_branch: 'main' });
    const processes = await client.listExecutionProcesses(attemptId, false);
    expect(processes.map(({ run_reason, status }) => [run_reason, status])).toEqual([
      ['setupscript', 'completed'],
      ['codingagent', 'completed'],
    ]);
    expect(forge.requests.at(-1)!.url.search).toBe(`?task_attempt_id=${attemptId}&show_soft_deleted=false`);
    expect(await client.listProjectBranches(project!.id)).toMatchObject([{ name: 'main' }]);
  });

  it('health is bare JSON', async () => {
    recorded('health');
    expect(await client.health()).toMatchObject({ service: 'forge-app', version: expect.any(String) });
  });

  it('X-64, S0-20: each of the five forms of failure is an error that says what Forge said', async () => {
    const failures: [string, () => Promise<unknown>, string, string][] = [
      ['project-create-duplicate', () => client.createProject({}), 'forge_refused', '[200]'],
      ['project-get-404', () => client.getProject(unknown), 'forge_not_found', '[404]'],
      ['project-get-badid', () => client.getProject('notauuid'), 'forge_refused', '[400]'],
      ['project-create-missing-fields', () => client.createProject({}), 'forge_refused', '[422]'],
      [
        'attempt-create-bad-branch',
        () => client.createTaskAttempt('t', { executor: 'CODEX' }, 'no-such-branch'),
        'forge_failed',
        '[500] Internal Server Error: ContainerError: Branch not found: no-such-branch',
      ],
    ];
    for (const [name, call, code, text] of failures) {
      recorded(name);
      await expect(call(), name).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
    }
    forge.route('GET', /^\/api\/projects$/, WEB_PAGE);
    await expect(client.listProjects()).rejects.toMatchObject({
      code: 'forge_not_found',
      message: 'Failed to fetch data: Forge does not know GET /api/projects: it answered with text/html',
    });
  });

  it('an answer of the wrong shape is a failure of Forge, not a crash', async () => {
    forge.route('GET', /projects$/, envelope([{ name: 'without an id' }]));
    await failsWith(client, 'Forge answered GET /api/projects with something unexpected: 0.id: ');
    forge.route('GET', /projects$/, { body: null });
    await failsWith(client, 'Forge answered GET /api/projects with something unexpected: Invalid input');
    forge.route('GET', /projects$/, { contentType: 'application/json', body: '{broken' });
    await failsWith(client, 'Forge answered GET /api/projects with broken JSON');
    forge.route('GET', /projects$/, { body: '' });
    await failsWith(client, 'Forge answered GET /api/projects with nothing');
  });

  it('a redirect is not followed, and shown as what it is', async () => {
    forge.route('GET', /projects$/, { status: 302, body: '' });
    await expect(client.listProjects()).rejects.toMatchObject({
      code: 'forge_refused',
      message: 'Failed to fetch data: [302] Found: (GET /api/projects)',
    });
    expect(forge.requests).toHaveLength(1);
  });

  it('S0-51: starts an attempt with the body that both kinds of server accept, and the token', async () => {
    recorded('attempt-create');
    await client.createTaskAttempt('task-1', { executor: 'CLAUDE_CODE' }, 'main');
    const { body, headers } = forge.requests.at(-1)!;
    expect(JSON.parse(body)).toEqual({
      task_id: 'task-1',
      executor: 'CLAUDE_CODE',
      executor_profile_id: { executor: 'CLAUDE_CODE', variant: null },
      base_branch: 'main',
    });
    expect(headers.authorization).toBe('Bearer secret');
  });

  it('repeats reads, and only reads, when the connection fails', async () => {
    let reads = 0;
    let writes = 0;
    await forge.stop();
    await expect(client.listProjects()).rejects.toMatchObject({
      code: 'forge_unavailable',
      message: 'Failed to fetch data: Forge cannot be reached: ECONNREFUSED',
    });
    await forge.start();
    forge.route('GET', /projects$/, () => {
      if (++reads < 3) forge.dropConnections();
      return envelope([]);
    });
    expect(await client.listProjects()).toEqual([]);
    expect(reads).toBe(3);
    forge.route('POST', /projects$/, () => {
      writes++;
      forge.dropConnections();
      return envelope(null);
    });
    await expect(client.createProject({})).rejects.toMatchObject({ code: 'forge_unavailable' });
    expect(writes).toBe(1);
  });

  it('an id cannot lead to another path', async () => {
    forge.route('GET', /./, envelope({ id: 'x' }));
    expect(() => client.getTaskAttempt('..')).toThrow('Not a valid Forge id');
    await client.getTaskAttempt('../projects?x=1');
    expect(forge.requests.at(-1)!.path).toBe('/api/task-attempts/..%2Fprojects%3Fx%3D1');
  });
});

const unknown = '00000000-0000-4000-8000-000000000000';

function clientOf(url: string): ForgeClient {
  const configuration = Configuration.fromEnvironment({ FORGE_URL: url, FORGE_TOKEN: 'secret' });
  return new ForgeClient(configuration, new ForgeMetrics(new Registry()));
}

function failsWith(client: ForgeClient, message: string): Promise<void> {
  return expect(client.listProjects()).rejects.toMatchObject({
    code: 'forge_failed',
    message: expect.stringContaining(`Failed to fetch data: ${message}`),
  });
}
