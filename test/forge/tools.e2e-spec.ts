import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { FakeAttempt } from '../harness/fake-attempt.js';
import { envelope, FakeForge } from '../harness/fake-forge.js';
import { WatchTools } from '../../src/forge/tools/watch-tools.service.js';
import { McpClient, type McpResult } from '../harness/mcp-client.js';
import { RunningService } from '../harness/running-service.js';

const ATTEMPT = '11111111-2222-3333-4444-555555555555';
const SEED_DIFF = new RegExp(`^/api/tasks/${ATTEMPT}/diff/ws`);
const PROCESS = { id: '99999999-2222-3333-4444-555555555555', status: 'running', logs: 'line 1\nline 2\n' };

/** The 32 of the original, with their arguments, and the two of document 000. */
const FORGE_TOOLS = [
  'forge_health_check()',
  'forge_get_system_info()',
  'forge_list_executor_profiles()',
  'forge_list_projects()',
  'forge_create_project(name, repo_path, setup_script?, dev_script?)',
  'forge_get_project(project_id)',
  'forge_update_project(project_id, name?, setup_script?, dev_script?)',
  'forge_delete_project(project_id)',
  'forge_list_project_branches(project_id)',
  'forge_search_project_files(project_id, query, mode?)',
  'forge_list_tasks(project_id)',
  'forge_create_task(project_id, title, description?)',
  'forge_create_and_start_task(project_id, title, description?, executor, base_branch)',
  'forge_get_task(project_id?, task_id)',
  'forge_update_task(project_id?, task_id, title?, description?, status?)',
  'forge_delete_task(project_id?, task_id)',
  'forge_list_task_attempts(task_id?)',
  'forge_create_task_attempt(task_id, executor, base_branch, variant?)',
  'forge_get_task_attempt(attempt_id)',
  'forge_follow_up_task_attempt(attempt_id, prompt)',
  'forge_stop_task_attempt(attempt_id)',
  'forge_get_branch_status(attempt_id)',
  'forge_rebase_task_attempt(attempt_id, base_branch?)',
  'forge_merge_task_attempt(attempt_id)',
  'forge_push_branch(attempt_id)',
  'forge_create_pull_request(attempt_id, title, body?, target_branch?)',
  'forge_attach_existing_pr(attempt_id, pr_number?)',
  'forge_change_target_branch(attempt_id, target_branch)',
  'forge_replace_process(attempt_id, prompt, executor?, process_id?)',
  'forge_list_execution_processes(attempt_id, show_soft_deleted?)',
  'forge_get_execution_process(process_id)',
  'forge_stop_execution_process(process_id)',
  'forge_watch_task(attempt_id, duration_seconds?)',
  'forge_watch_task_polling(attempt_id, poll_interval_ms?, max_duration_seconds?)',
];

interface ListedTool {
  readonly name: string;
  readonly annotations: { readonly readOnlyHint: boolean; readonly destructiveHint?: boolean };
  readonly inputSchema: { readonly properties?: object; readonly required?: readonly string[] };
}

let forge: FakeForge;
let service: RunningService;
let clients: McpClient[];

beforeEach(async () => {
  clients = [];
  forge = await new FakeForge().start();
  service = await RunningService.start({
    FORGE_URL: forge.url,
    FORGE_RECONNECT_DELAY_MS: '20',
    FORGE_AGENT_LOGS: 'raw',
    STORE: 'memory',
  });
});
afterEach(async () => {
  for (const client of clients) client.terminate();
  await service.stop();
  await forge.stop();
});

async function connect(): Promise<McpClient> {
  const client = await McpClient.connect(`${service.ws}/ws`);
  clients.push(client);
  await client.initialize('2025-06-18');
  return client;
}

/** Routes of the document's server, whose attempts have a status and whose processes have logs. */
function seedRoutes(): void {
  forge.route('GET', /^\/api\/task-attempts\//, envelope({ id: ATTEMPT, status: 'running' }));
  forge.route('GET', /^\/api\/execution-processes$/, envelope([PROCESS]));
}

const call = (client: McpClient, name: string, args: Record<string, unknown>) =>
  client.call(name, args, { _meta: { progressToken: 'p1' } });
const textOf = ({ content }: McpResult) => content.map(({ text }) => text).join('');
const streamed = (client: McpClient) =>
  client
    .of('notifications/tool/streamContent')
    .map(({ params }) => params.content!.map(({ text }) => text).join(''));
const progress = (client: McpClient) =>
  client.of('notifications/progress').flatMap(({ params }) => ('message' in params ? [] : [params]));

describe('What is listed', () => {
  it('S0-V01 … V03, S0-54, S0-55, S0-60…62, S0-70…72: the documented tools, word for word', async () => {
    const { tools } = await (await connect()).result('tools/list');
    expect(tools).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name: 'forge_watch_task',
          description: 'Watch task execution in real-time via WebSocket streaming',
          annotations: { streamingHint: true, readOnlyHint: true },
          inputSchema: expect.objectContaining({
            properties: {
              attempt_id: { type: 'string', description: 'Task attempt UUID to watch' },
              duration_seconds: expect.objectContaining({
                type: 'number',
                default: 300,
                description: 'How long to watch (default: 5 minutes)',
              }),
            },
            required: ['attempt_id'],
          }),
        }),
        expect.objectContaining({
          name: 'forge_watch_task_polling',
          description: 'Watch task execution via polling (simpler, less real-time)',
          annotations: { streamingHint: true, readOnlyHint: true },
          inputSchema: expect.objectContaining({
            properties: expect.objectContaining({
              poll_interval_ms: expect.objectContaining({ default: 1000 }),
              max_duration_seconds: expect.objectContaining({ default: 300 }),
            }),
            required: ['attempt_id'],
          }),
        }),
        expect.objectContaining({
          name: 'forge_create_task_attempt',
          description: 'Create and start task execution',
          inputSchema: expect.objectContaining({ required: ['task_id', 'executor', 'base_branch'] }),
        }),
      ]),
    );
  });

  it('S0-89: the 32 tools of the original and the two watch tools, with their arguments', async () => {
    const { tools } = await (await connect()).result('tools/list');
    const listed = (tools as unknown as ListedTool[]).filter(({ name }) => name.startsWith('forge_'));
    const signatures = listed.map(({ name, inputSchema: { properties = {}, required = [] } }) => {
      const args = Object.keys(properties).map((arg) => (required.includes(arg) ? arg : `${arg}?`));
      return `${name}(${args.join(', ')})`;
    });
    expect(signatures.toSorted()).toEqual(FORGE_TOOLS.toSorted());
    for (const { name, annotations } of listed) {
      // What says nothing about it counts as destructive.
      expect(annotations.readOnlyHint || annotations.destructiveHint !== undefined, name).toBe(true);
    }
  });

  it('without FORGE_URL there are none', async () => {
    await service.stop();
    service = await RunningService.start({ STORE: 'memory' });
    const client = await connect();
    const { tools } = await client.result('tools/list');
    expect(tools.filter(({ name }) => name.startsWith('forge_'))).toEqual([]);
    const { resourceTemplates } = await client.result('resources/templates/list');
    expect(JSON.stringify(resourceTemplates)).not.toContain('forge://');
  });
});

describe('forge_watch_task', () => {
  it("S0-V10, S0-63…68: streams the document's diffs and ends with the summary and no open socket", async () => {
    seedRoutes();
    forge.stream(SEED_DIFF);
    const client = await connect();
    const watched = call(client, 'forge_watch_task', { attempt_id: ATTEMPT, duration_seconds: 1.5 });
    await eventually('the diff is open', () => forge.open(SEED_DIFF).length === 1);
    forge.send(SEED_DIFF, { file: 'src/a.ts', changes: [{ add: 'x' }] });
    forge.send(SEED_DIFF, { file: 'src/b.ts', changes: ['y'.repeat(300)] });
    forge.send(SEED_DIFF, { file: 'src/c.ts', changes: ['z'.repeat(2_000_000)] });
    expect(textOf(await watched)).toBe('Watch completed. Received 3 updates over 1.5s');
    expect(streamed(client)).toEqual([
      '[Diff #1] src/a.ts: [{"add":"x"}]...\n',
      `[Diff #2] src/b.ts: ["${'y'.repeat(98)}...\n`,
      `[Diff #3] src/c.ts: ["${'z'.repeat(98)}...\n`,
    ]);
    expect(progress(client)[0]).toMatchObject({ progressToken: 'p1', progress: 0, total: 100 });
  });

  it('S0-V14, X-62, X-63: follows a real Forge and ends with the agent', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const client = await connect();
    const watched = call(client, 'forge_watch_task', { attempt_id: attempt.id });
    await eventually('the diff is open', () => forge.open(attempt.diffPath).length === 1);
    attempt.diff('src/a~b.ts', 'x\n');
    await client.notification('notifications/tool/streamContent');
    attempt.endProcess(agent, 'failed', 3);
    expect(textOf(await watched)).toMatch(
      /^Watch completed\. Received 1 updates over \ds\. The coding agent failed with exit code 3$/,
    );
    expect(streamed(client)).toEqual([
      '[Diff #1] src/a~b.ts: [{"change":"added","oldPath":null,"newPath":"src/a~b.ts","oldContent":null,"newContent":"x\\n"}]...\n',
    ]);
  });

  it('S0-26…28, S0-34, S0-38, X-61: watchers share one socket, and it is replaced once', async () => {
    seedRoutes();
    forge.stream(SEED_DIFF);
    const watchers = await Promise.all([connect(), connect(), connect()]);
    const durations = [1.2, 2.4, 2.4];
    const results = watchers.map((client, index) =>
      call(client, 'forge_watch_task', { attempt_id: ATTEMPT, duration_seconds: durations[index] }),
    );
    await eventually('one socket', () => forge.open(SEED_DIFF).length === 1);
    forge.send(SEED_DIFF, { file: 'a', changes: [] });
    forge.drop(SEED_DIFF);
    await eventually('one socket again', () => forge.open(SEED_DIFF).length === 1);
    forge.send(SEED_DIFF, 'not JSON', { file: 'b', changes: [] });
    await results[0];
    expect(forge.open(SEED_DIFF)).toHaveLength(1);
    for (const result of await Promise.all(results)) expect(textOf(result)).toContain('Received 2 updates');
    expect(streamed(watchers[2])).toEqual(['[Diff #1] a: []...\n', '[Diff #2] b: []...\n']);
    expect(forge.sockets).toHaveLength(2);
    await eventually('the socket is released', () => forge.openSockets === 0);
  });

  it('S0-28: the next watch of an older Forge continues the operation of the last one', async () => {
    seedRoutes();
    forge.stream(SEED_DIFF);
    const client = await connect();
    const watch = (seconds: number) =>
      call(client, 'forge_watch_task', { attempt_id: ATTEMPT, duration_seconds: seconds });
    const first = watch(1);
    await eventually('one socket', () => forge.open(SEED_DIFF).length === 1);
    forge.send(SEED_DIFF, { file: 'a', changes: [] });
    expect(textOf(await first)).toContain('Received 1 updates');
    await eventually('the socket is released', () => forge.openSockets === 0);
    const second = watch(1);
    await eventually('one socket again', () => forge.open(SEED_DIFF).length === 1);
    forge.send(SEED_DIFF, { file: 'b', changes: [] });
    expect(textOf(await second)).toContain('Received 2 updates');
    const { operations } = (await service.rest.get('/api/operations?type=forge.attempt')).body as {
      operations: { status: string }[];
    };
    expect(operations).toHaveLength(1);
  });

  it('S0-33, S0-36, S0-67: stream errors are logged to the caller; a Forge that is gone ends the watch', async () => {
    seedRoutes();
    forge.stream(SEED_DIFF);
    const client = await connect();
    const watched = call(client, 'forge_watch_task', { attempt_id: ATTEMPT, duration_seconds: 60 });
    await eventually('the diff is open', () => forge.open(SEED_DIFF).length === 1);
    await forge.stop();
    expect(textOf(await watched)).toMatch(
      /^Watch completed\. Received 0 updates over \ds\. Forge cannot be reached/,
    );
    const logged = client.of('notifications/message').map(({ params }) => JSON.stringify(params));
    expect(logged.join()).toMatch(/Stream error: .*ECONNREFUSED/);
  });

  it('null is as good as nothing in records, and a state that is not known is no end', async () => {
    const fields = { branch: null, run_reason: null, task_attempt_id: null, started_at: null, dropped: null };
    forge.route('GET', /^\/api\/task-attempts\//, envelope({ id: ATTEMPT, status: null, task_id: null }));
    forge.route(
      'GET',
      /^\/api\/execution-processes$/,
      envelope([{ ...fields, id: 'p', status: 'queued', logs: null, output: null }]),
    );
    forge.stream(SEED_DIFF);
    const client = await connect();
    const watched = call(client, 'forge_watch_task', { attempt_id: ATTEMPT, duration_seconds: 1 });
    await eventually('the diff is open', () => forge.open(SEED_DIFF).length === 1);
    expect(textOf(await watched)).toBe('Watch completed. Received 0 updates over 1s');
    const polled = await call(client, 'forge_watch_task_polling', {
      attempt_id: ATTEMPT,
      max_duration_seconds: 0.05,
    });
    expect(textOf(polled)).toBe('Watch completed. Received 1 updates.');
    expect(streamed(client).at(-1)).toContain('Status: running');
  });

  it('S0-69: a watch that is interrupted by the end of the service says so', async () => {
    seedRoutes();
    forge.stream(SEED_DIFF);
    const client = await connect();
    const watched = call(client, 'forge_watch_task', { attempt_id: ATTEMPT });
    await eventually('the diff is open', () => forge.open(SEED_DIFF).length === 1);
    forge.send(SEED_DIFF, { file: 'src/a.ts', changes: [] });
    await eventually('it was told', () => streamed(client).length === 1);
    service.get(WatchTools).onModuleDestroy();
    expect(textOf(await watched)).toBe('Watch interrupted. Received 1 updates.');
  });

  it('S0-20: an unknown attempt, a Forge that is down and bad arguments are tool errors that say why', async () => {
    const client = await connect();
    const unknown = await client.call('forge_watch_task', { attempt_id: 'nothing' });
    expect(unknown).toMatchObject({
      isError: true,
      content: [
        {
          text: 'Failed to fetch data: [404] Not Found: Forge does not have what GET /api/task-attempts/nothing names',
        },
      ],
    });
    await forge.stop();
    const down = await client.call('forge_watch_task', { attempt_id: ATTEMPT });
    expect(down).toMatchObject({ isError: true });
    expect(textOf(down)).toBe('Failed to fetch data: Forge cannot be reached: ECONNREFUSED');
    for (const args of [{}, { attempt_id: 5 }, { attempt_id: ATTEMPT, duration_seconds: -1 }]) {
      const { result, error } = await client.request('tools/call', {
        name: 'forge_watch_task',
        arguments: args,
      });
      expect(error ?? result.isError).toBeTruthy();
    }
  });
});

describe('forge_watch_task_polling', () => {
  it('S0-V17, S0-73…78: status lines, only new logs per process, and the end at 100/100', async () => {
    const statuses = ['running', 'running', 'completed'];
    const logs = [
      ['one\n', 'a\n'],
      ['one\ntwo\n', 'a\nb\n'],
    ];
    let polls = 0;
    forge.route('GET', /^\/api\/task-attempts\//, () => envelope({ id: ATTEMPT, status: statuses[polls++] }));
    forge.route('GET', /^\/api\/execution-processes$/, () =>
      envelope(
        logs[Math.min(polls, 2) - 1]!.map((text, index) => ({
          id: `p${index}`,
          status: 'running',
          logs: text,
        })),
      ),
    );
    const client = await connect();
    const result = await call(client, 'forge_watch_task_polling', {
      attempt_id: ATTEMPT,
      poll_interval_ms: 20,
    });
    expect(textOf(result)).toBe('Watch completed. Received 3 updates.');
    expect(streamed(client).map((text) => text.replace(/^\[\d{4}-[^\]]*Z\] /, ''))).toEqual([
      'Status: running\n',
      'one\n',
      'a\n',
      'Status: running\n',
      'two\n',
      'b\n',
      'Status: completed\n',
    ]);
    expect(progress(client).at(-1)).toMatchObject({ progress: 100, total: 100 });
    expect(polls).toBe(3);
  });

  it('reads status and logs of a real Forge from its processes and streams', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    attempt.log(agent, 'from the stream\n');
    const client = await connect();
    const watched = call(client, 'forge_watch_task_polling', {
      attempt_id: attempt.id,
      poll_interval_ms: 20,
    });
    await client.notification('notifications/tool/streamContent', (params) =>
      JSON.stringify(params).includes('from the stream'),
    );
    attempt.log(agent, 'and more\n');
    attempt.endProcess(agent, 'completed');
    expect(textOf(await watched)).toMatch(/^Watch completed\./);
    const logs = streamed(client).filter((text) => !text.includes('Status'));
    expect(logs.join('')).toBe('from the stream\nand more\n');
    expect(streamed(client).join('')).toContain('Status: completed');
  });
});

describe('forge_create_task_attempt and the others', () => {
  it('S0-V15, S0-56, S0-57: progress 1/2, 2/2, the log lines and the attempt as JSON', async () => {
    forge.route('POST', /^\/api\/task-attempts$/, envelope({ id: ATTEMPT, status: 'running' }));
    const client = await connect();
    const args = { task_id: 't1', executor: 'CLAUDE_CODE', base_branch: 'main' };
    const result = await call(client, 'forge_create_task_attempt', args);
    expect(textOf(result)).toBe(
      `Task attempt created:\n${JSON.stringify({ id: ATTEMPT, status: 'running' }, null, 2)}`,
    );
    expect(progress(client)).toMatchObject([
      { progress: 1, total: 2 },
      { progress: 2, total: 2 },
    ]);
    const logged = client.of('notifications/message').map(({ params }) => JSON.stringify(params));
    expect(logged[0]).toContain('Starting task attempt...');
    expect(logged[1]).toContain(`Task attempt started: ${ATTEMPT}`);
  });

  it('S0-V16: an executor that is none is refused before Forge is asked', async () => {
    const client = await connect();
    const { result, error } = await client.request('tools/call', {
      name: 'forge_create_task_attempt',
      arguments: { task_id: 't1', executor: 'NOPE', base_branch: 'main' },
    });
    expect(error ?? result.isError).toBeTruthy();
    expect(forge.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  });
});

describe('Resources', () => {
  it('S0-V18, S0-58, S0-59: the logs of an attempt, as the document words them', async () => {
    seedRoutes();
    const client = await connect();
    const { resourceTemplates } = await client.result('resources/templates/list');
    expect(resourceTemplates).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          uriTemplate: 'forge://logs/attempt/{attemptId}',
          name: 'Task Attempt Logs',
          mimeType: 'text/plain',
        }),
      ]),
    );
    const { contents } = await client.result('resources/read', { uri: `forge://logs/attempt/${ATTEMPT}` });
    expect(contents[0]!.text).toBe(
      `Task Attempt Logs (1 process(es)):\n\n=== Process ${PROCESS.id} (running) ===\nline 1\nline 2\n\n\n`,
    );
  });

  it('S0-59, S0-81: the logs of a real Forge, live and ended, and "No logs" where there are none', async () => {
    const attempt = new FakeAttempt(forge);
    const setup = attempt.startProcess('setupscript');
    attempt.endProcess(setup, 'completed');
    const agent = attempt.startProcess();
    attempt.log(agent, 'a whole ');
    attempt.log(agent, 'a warning\n', 'STDERR');
    attempt.log(agent, 'line\nhalf a line');
    const client = await connect();
    const { contents } = await client.result('resources/read', { uri: `forge://logs/attempt/${attempt.id}` });
    expect(contents[0]!.text).toBe(
      'Task Attempt Logs (2 process(es)):\n\n' +
        `=== Process ${setup} (completed) ===\nNo logs\n\n\n` +
        `=== Process ${agent} (running) ===\na warning\na whole line\nhalf a line\n\n`,
    );
    const status = await client.result('resources/read', { uri: `forge://status/attempt/${attempt.id}` });
    expect(JSON.parse(status.contents[0]!.text)).toMatchObject({
      attempt: { id: attempt.id },
      outcome: null,
    });
    await eventually('reading leaves no socket behind', () => forge.openSockets === 0);
  });

  it('subscribing to an attempt watches its run; unsubscribing ends the updates, not the recording', async () => {
    const attempt = new FakeAttempt(forge);
    const agent = attempt.startProcess();
    const client = await connect();
    const uri = `forge://logs/attempt/${attempt.id}`;
    await client.result('resources/subscribe', { uri });
    await eventually('the log is open', () => forge.open(attempt.logPath(agent)).length === 1);
    const before = client.of('notifications/resources/updated').length;
    attempt.log(agent, 'news\n');
    await eventually(
      'the subscriber was told',
      () => client.of('notifications/resources/updated').length > before,
    );
    await client.result('resources/unsubscribe', { uri });
    const told = client.of('notifications/resources/updated').length;
    attempt.log(agent, 'for nobody\n');
    attempt.endProcess(agent, 'completed');
    await eventually('the run is over', () => forge.openSockets === 0);
    expect(client.of('notifications/resources/updated')).toHaveLength(told);
  });

  it('S0-47, S0-50: subscribers of a project hear of its tasks', async () => {
    const stream = /^\/api\/tasks\/stream\/ws\?project_id=p1/;
    const snapshot = { JsonPatch: [{ op: 'replace', path: '/tasks', value: {} }] };
    forge.stream(stream, undefined, (socket) => socket.send(JSON.stringify(snapshot)));
    const client = await connect();
    const uri = 'forge://status/project/p1';
    await client.result('resources/subscribe', { uri });
    await eventually('the tasks are followed', () => forge.openSockets === 1);
    forge.send(/tasks\/stream/, { JsonPatch: [{ op: 'add', path: '/tasks/t', value: { id: 't' } }] });
    await client.notification('notifications/resources/updated', (params) => params.uri === uri);
    await client.result('resources/unsubscribe', { uri });
    await eventually('the stream is closed', () => forge.openSockets === 0);
  });

  it('X-62: drafts of a project and normalized logs of a process can be read and followed', async () => {
    const greet =
      (...frames: object[]) =>
      (socket: { send(text: string): void }) =>
        frames.forEach((frame) => socket.send(JSON.stringify(frame)));
    const patch = (op: string, path: string, value: unknown) => ({ JsonPatch: [{ op, path, value }] });
    const entry = (content: string) => ({ type: 'NORMALIZED_ENTRY', content: { content } });
    const drafts = /^\/api\/drafts\/stream\/ws\?project_id=p1/;
    forge.stream(drafts, undefined, greet(patch('replace', '/drafts', { d1: { prompt: 'and tests' } })));
    forge.stream(
      /^\/api\/execution-processes\/x1\/normalized-logs\/ws/,
      undefined,
      greet(patch('add', '/entries/0', entry('hel')), patch('replace', '/entries/0', entry('hello'))),
    );
    const client = await connect();
    for (const [uri, path, expected] of [
      ['forge://drafts/project/p1', /drafts/, [{ prompt: 'and tests' }]],
      ['forge://logs/normalized/x1', /normalized/, [entry('hello')]],
    ] as const) {
      const { contents } = await client.result('resources/read', { uri });
      expect(JSON.parse(contents[0]!.text)).toEqual(expected);
      await eventually('reading leaves no socket behind', () => forge.openSockets === 0);
      await client.result('resources/subscribe', { uri });
      await eventually('it is followed', () => forge.open(path).length === 1);
      forge.send(path, patch('add', '/entries/1', entry('more')));
      await client.notification('notifications/resources/updated', (params) => params.uri === uri);
      await client.result('resources/unsubscribe', { uri });
      await eventually('the stream is closed', () => forge.openSockets === 0);
    }
  });
});
