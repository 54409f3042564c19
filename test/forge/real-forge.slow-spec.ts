import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { McpClient, type McpResult } from '../harness/mcp-client.js';
import { RealForge } from '../harness/real-forge/real-forge.js';
import { RunningService } from '../harness/running-service.js';

/** Everything below runs against a real Forge 0.7.4; only the model behind its agent is scripted. */

interface Event {
  readonly event_type: string;
  readonly seq: number;
  readonly data: {
    readonly message?: string;
    readonly error?: string;
    readonly error_type?: string;
    readonly details?: { readonly kind: string; readonly file?: string };
  };
}

let forge: RealForge;
let service: RunningService;
let mcp: McpClient;
let projectId: string;
let repository: string;

beforeAll(async () => {
  forge = await RealForge.start();
});
afterAll(() => forge.remove());

async function begin(): Promise<void> {
  service = await RunningService.start({ FORGE_AGENT_LOGS: 'raw', FORGE_TENANTS: '*', FORGE_URL: forge.url });
  mcp = await McpClient.connect(`${service.ws}/mcp`);
  await mcp.initialize();
  repository = forge.repository();
  const project = await tool('forge_create_project', {
    name: repository.split('/').at(-1)!,
    repo_path: repository,
    setup_script: "echo setup-out; printf 'half'; sleep 0.2; echo ' line'; echo setup-err >&2",
  });
  projectId = recordIn(project).id as string;
}
afterEach(async () => {
  mcp.terminate();
  await service.stop();
});

const textOf = ({ content }: McpResult) => content.map(({ text }) => text).join('');
const recordIn = (text: string) => JSON.parse(text.slice(text.indexOf('\n'))) as Record<string, unknown>;
async function tool(name: string, args: Record<string, unknown>): Promise<string> {
  const result = await mcp.call(name, args);
  const text = textOf(result);
  if (result.isError) throw new Error(`${name}: ${text}`);
  return text;
}
/** Creates a task and starts the agent on it. @returns the attempt's id */
async function start(title: string): Promise<string> {
  const task = recordIn(await tool('forge_create_task', { project_id: projectId, title }));
  const attempt = await tool('forge_create_task_attempt', {
    task_id: task.id,
    executor: 'CLAUDE_CODE',
    base_branch: 'main',
  });
  return recordIn(attempt).id as string;
}
async function watch(attemptId: string): Promise<string> {
  const { body } = await service.rest.post(`/api/forge/attempts/${attemptId}/watch`);
  return body.operation_id as string;
}
const snapshot = async (id: string) => (await service.rest.get(`/api/operations/${id}`)).body;
const ended = (id: string) =>
  eventually(`${id} ends`, async () => (await snapshot(id)).ended_at !== null, 60_000);
async function events(id: string): Promise<Event[]> {
  const { body } = await service.rest.get<{ events: Event[] }>(`/api/operations/${id}/events?limit=1000`);
  return body.events;
}
const lines = (all: readonly Event[]) =>
  all.filter(({ data }) => data.details?.kind === 'log').map(({ data }) => data.message!);
const files = (all: readonly Event[]) =>
  all.flatMap(({ data }) => (data.details?.kind === 'diff' ? [`${data.message}`] : [])).sort();

/** Reads an event stream to its end. */
async function sse(id: string): Promise<Event[]> {
  const response = await fetch(`${service.http}/api/operations/${id}/stream`, {
    headers: { 'last-event-id': '0' },
  });
  const text = await response.text();
  return (
    text
      .split('\n')
      .filter((line) => line.startsWith('data: '))
      .map((line) => JSON.parse(line.slice(6)) as Event)
      // The stream begins by saying where.
      .filter(({ event_type: type }) => type !== 'position')
  );
}

const FOUR_FILES = [
  'added added.txt',
  'added src/deep/a~b.txt',
  'deleted delete-me.txt',
  'modified README.md',
];

describe('A real Forge', () => {
  it('is up, and lists what it can do', async () => {
    await begin();
    expect(await tool('forge_health_check', {})).toContain('forge');
    expect(await tool('forge_get_system_info', {})).toContain('CLAUDE_CODE');
    expect(await tool('forge_list_executor_profiles', {})).toContain('CODEX');
    expect(await tool('forge_list_projects', {})).toContain(projectId);
    expect(await tool('forge_get_project', { project_id: projectId })).toContain(repository);
    expect(await tool('forge_list_project_branches', { project_id: projectId })).toContain('"main"');
    expect(await tool('forge_search_project_files', { project_id: projectId, query: 'READ' })).toContain(
      'README.md',
    );
    await tool('forge_update_project', { project_id: projectId, name: 'renamed' });
    const updated = recordIn(await tool('forge_get_project', { project_id: projectId }));
    expect(updated).toMatchObject({ name: 'renamed', setup_script: expect.stringContaining('setup-out') });
    const task = recordIn(await tool('forge_create_task', { project_id: projectId, title: 'later' }));
    await tool('forge_update_task', { task_id: task.id, status: 'done' });
    expect(await tool('forge_list_tasks', { project_id: projectId })).toContain('"done"');
    expect(await tool('forge_get_task', { task_id: task.id })).toContain('later');
    await tool('forge_delete_task', { task_id: task.id });
    await expect(tool('forge_get_task', { task_id: task.id })).rejects.toThrow('[404]');
    await tool('forge_delete_project', { project_id: projectId });
    await expect(tool('forge_get_project', { project_id: projectId })).rejects.toThrow('[404]');
    await expect(tool('forge_create_project', { name: 'x', repo_path: '/nowhere/at/all' })).rejects.toThrow(
      '[200]',
    );
  });

  it('X-63, S0-63…68: a run is followed to its end over MCP, hub and SSE at once, then merged', async () => {
    await begin();
    const attemptId = await start('Add a file');
    const id = await watch(attemptId);
    const hub = await service.hub();
    hub.send({ command: 'subscribe', operation_id: id, after_seq: 0 });
    const streamed = sse(id);
    const watched = await mcp.call(
      'forge_watch_task',
      { attempt_id: attemptId },
      { _meta: { progressToken: 'p' } },
    );
    expect(textOf(watched)).toMatch(/^Watch completed\. Received 4 updates over \d+s$/);
    await ended(id);
    const all = await events(id);
    expect(await snapshot(id)).toMatchObject({ status: 'completed', result: { diffs: 4, exit_code: 0 } });
    expect(files(all)).toEqual(FOUR_FILES);
    expect(lines(all)).toEqual(
      expect.arrayContaining(['setup-out', 'half line', 'setup-err', 'agent: warming up']),
    );
    expect(lines(all).filter((line) => line.includes('"subtype":"init"'))).toHaveLength(1);
    expect(lines(all).join('')).toContain('é ✓ 漢字');

    const partial = mcp.of('notifications/tool/streamContent').map(({ params }) => params.content![0]!.text);
    const named = partial.map((text) => /^\[Diff #\d\] (.*?): /.exec(text)?.[1] ?? text);
    expect(named.toSorted((a, b) => a.localeCompare(b, 'en'))).toEqual([
      'added.txt',
      'delete-me.txt',
      'README.md',
      'src/deep/a~b.txt',
    ]);
    expect((await streamed).map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq));
    await eventually('the hub has all', () =>
      hub.inbox.some((message) => message.event_type === 'completed'),
    );
    const seen = hub.inbox.filter((message) => message.seq !== undefined).map(({ seq }) => seq);
    expect(seen).toEqual(all.map(({ seq }) => seq));

    expect(await tool('forge_get_branch_status', { attempt_id: attemptId })).toContain('"commits_ahead": 1');
    const processes = recordIn(
      await tool('forge_list_execution_processes', { attempt_id: attemptId }),
    ) as unknown as { id: string; run_reason: string }[];
    expect(processes.map(({ run_reason }) => run_reason)).toEqual(['setupscript', 'codingagent']);
    expect(await tool('forge_get_execution_process', { process_id: processes[1]!.id })).toContain(
      'completed',
    );
    const { contents } = await mcp.result('resources/read', { uri: `forge://logs/attempt/${attemptId}` });
    expect(contents[0]!.text).toContain('Task Attempt Logs (2 process(es)):');
    expect(contents[0]!.text).toContain('half line');
    await tool('forge_change_target_branch', { attempt_id: attemptId, target_branch: 'main' });
    await tool('forge_rebase_task_attempt', { attempt_id: attemptId });
    await tool('forge_merge_task_attempt', { attempt_id: attemptId });
    const merged = execFileSync('git', ['show', 'main:added.txt'], { cwd: repository, encoding: 'utf8' });
    expect(merged).toBe('line one\nline two\n');
    // The run was recorded to its end: watching it again reads the record.
    expect(await watch(attemptId)).toBe(id);
    const again = await tool('forge_watch_task', { attempt_id: attemptId });
    expect(again).toMatch(/^Watch completed\. Received 4 updates/);
  });

  it('a failing run ends its operation with the exit code; polling sees the same', async () => {
    await begin();
    const attemptId = await start('FAIL now');
    const id = await watch(attemptId);
    const polled = await tool('forge_watch_task_polling', { attempt_id: attemptId, poll_interval_ms: 300 });
    expect(polled).toMatch(/^Watch completed\. Received \d+ updates\.$/);
    const shown = mcp.of('notifications/tool/streamContent').map(({ params }) => params.content![0]!.text);
    expect(shown.join('')).toContain('Status: running');
    expect(shown.join('')).toContain('Status: failed');
    expect(shown.join('').match(/agent: warming up/g)).toHaveLength(1);
    await ended(id);
    expect(await snapshot(id)).toMatchObject({
      status: 'error',
      error: 'The coding agent failed with exit code 3',
      error_type: 'ForgeAgentFailed',
    });
    expect(files(await events(id))).toEqual(FOUR_FILES);
  });

  it('a follow-up is a run of its own, and stopping it ends its operation', async () => {
    await begin();
    const attemptId = await start('First');
    const first = await watch(attemptId);
    await ended(first);
    await tool('forge_follow_up_task_attempt', { attempt_id: attemptId, prompt: 'SLOW please' });
    const second = await watch(attemptId);
    expect(second).not.toBe(first);
    await eventually(
      'it ticks',
      async () => lines(await events(second)).some((line) => line.includes('tick 1')),
      30_000,
    );
    await tool('forge_stop_task_attempt', { attempt_id: attemptId });
    await ended(second);
    expect(await snapshot(second)).toMatchObject({
      status: 'error',
      error: 'The coding agent was stopped',
      error_type: 'ForgeAgentStopped',
      metadata: { run: 2 },
    });
    expect(lines(await events(second))).not.toContain('setup-out');
  });

  it('S0-83…86: a task is started, stopped by its process, and read through every resource and the program', async () => {
    await begin();
    const task = recordIn(
      await tool('forge_create_and_start_task', {
        project_id: projectId,
        title: 'SLOW',
        executor: 'CLAUDE_CODE',
        base_branch: 'main',
      }),
    );
    const attemptId = task.attempt_id as string;
    expect(await tool('forge_list_task_attempts', { task_id: task.id })).toContain(attemptId);
    expect(await tool('forge_get_task_attempt', { attempt_id: attemptId })).toContain(
      '"target_branch": "main"',
    );
    const id = await watch(attemptId);
    await eventually(
      'it ticks',
      async () => lines(await events(id)).some((line) => line.includes('tick 1')),
      30_000,
    );
    const listed = await tool('forge_list_execution_processes', { attempt_id: attemptId });
    const agent = (recordIn(listed) as unknown as { id: string }[])[1]!.id;
    const read = async (uri: string) => (await mcp.result('resources/read', { uri })).contents[0]!.text;
    expect(await read(`forge://logs/process/${agent}`)).toContain('tick 0');
    expect(await read(`forge://logs/normalized/${agent}`)).toContain('NORMALIZED_ENTRY');
    expect(JSON.parse(await read(`forge://drafts/project/${projectId}`))).toEqual(expect.any(Array));
    expect(await read(`forge://status/attempt/${attemptId}`)).toContain('"outcome": null');
    expect(await read(`forge://status/branch/${attemptId}`)).toContain('commits_ahead');
    expect(await read(`forge://status/project/${projectId}`)).toContain('"inprogress"');
    const program = fileURLToPath(new URL('../../scripts/test-forge-websocket.mjs', import.meta.url));
    const shown = await promisify(execFile)(process.execPath, [program, attemptId], {
      env: { ...process.env, FORGE_URL: forge.url },
    });
    expect(shown.stdout).toContain('✅ Connected');
    expect(shown.stdout).toContain('📨 {"JsonPatch"');
    expect(shown.stdout).toContain('🔌 Closed');
    await tool('forge_stop_execution_process', { process_id: agent });
    await ended(id);
    expect(await snapshot(id)).toMatchObject({ error_type: 'ForgeAgentStopped' });
  });

  it('a process is replaced: its work is undone, and its replacement is a run of its own', async () => {
    await begin();
    const attemptId = await start('First');
    const first = await watch(attemptId);
    await ended(first);
    const args = { attempt_id: attemptId, prompt: 'Second' };
    const replaced = recordIn(await tool('forge_replace_process', args));
    expect(replaced).toMatchObject({ deleted_count: 1, git_reset_applied: true });
    const second = await watch(attemptId);
    await ended(second);
    expect(await snapshot(second)).toMatchObject({ status: 'completed', metadata: { run: 2 } });
    expect(files(await events(second))).toEqual(FOUR_FILES);
    // The record of the replacement, not of what was replaced.
    expect(await watch(attemptId)).toBe(second);
    expect(lines(await events(first))).toContain('setup-out');
  });

  it('what needs a GitHub token says so, and nothing is pushed', async () => {
    await begin();
    const origin = forge.origin(repository);
    const attemptId = await start('First');
    await ended(await watch(attemptId));
    const invalid = 'GitHub token is invalid or expired';
    const args = { attempt_id: attemptId };
    await expect(tool('forge_push_branch', args)).rejects.toThrow(invalid);
    await expect(tool('forge_attach_existing_pr', args)).rejects.toThrow(invalid);
    await expect(tool('forge_create_pull_request', { ...args, title: 'x' })).rejects.toThrow(
      '[200] OK: TOKEN_INVALID (',
    );
    expect(forge.git(origin, 'branch', '--list').trim()).toBe('* main');
  });

  it('a restart of Forge in the middle of a run: the mirror resumes, loses nothing and ends', async () => {
    await begin();
    const attemptId = await start('SLOW run');
    const id = await watch(attemptId);
    await eventually(
      'it ticks',
      async () => lines(await events(id)).some((line) => line.includes('tick 1')),
      30_000,
    );
    await forge.stop();
    await eventually(
      'readiness names it',
      async () => {
        const { body } = await service.rest.get<{ degraded: string[] }>('/health/ready');
        return body.degraded.includes('forge');
      },
      30_000,
    );
    await forge.restart();
    await ended(id);
    const all = await events(id);
    expect(await snapshot(id)).toMatchObject({ status: 'error', error_type: 'ForgeAgentFailed' });
    expect(files(all)).toEqual(FOUR_FILES);
    const told = lines(all);
    expect(told.filter((line) => line.includes('"tick 0"'))).toHaveLength(1);
    expect(told.filter((line) => line === 'setup-out')).toHaveLength(1);
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
  });
});
