import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { FakeAttempt } from '../harness/fake-attempt.js';
import { FakeForge } from '../harness/fake-forge.js';
import { McpClient } from '../harness/mcp-client.js';
import { RunningService } from '../harness/running-service.js';

/** A run once watched is recorded to its end: every way to watch, and every way to stop watching. */
let forge: FakeForge;
let service: RunningService;
let directory: string;
let client: McpClient;
let attempt: FakeAttempt;
let agent: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'opstream-forge-'));
  forge = await new FakeForge().start();
  attempt = new FakeAttempt(forge);
  agent = attempt.startProcess();
  await start();
});
afterEach(async () => {
  client.terminate();
  await service.stop();
  await forge.stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(): Promise<void> {
  service = await RunningService.start({
    FORGE_URL: forge.url,
    FORGE_RECONNECT_DELAY_MS: '10',
    FORGE_AGENT_LOGS: 'raw',
    FORGE_RECONNECT_ATTEMPTS: '3',
    DATA_DIR: directory,
  });
  client = await McpClient.connect(`${service.ws}/ws`);
  await client.initialize('2025-06-18');
}

const uri = (): string => `forge://status/attempt/${attempt.id}`;
const tool = (seconds: number): void =>
  client.send({
    jsonrpc: '2.0',
    id: 'watch',
    method: 'tools/call',
    params: { name: 'forge_watch_task', arguments: { attempt_id: attempt.id, duration_seconds: seconds } },
  });

const WAYS_TO_WATCH: Record<string, () => Promise<void> | void> = {
  tool: () => tool(300),
  REST: async () => void (await service.rest.post(`/api/forge/attempts/${attempt.id}/watch`)),
  'resource subscription': async () => void (await client.result('resources/subscribe', { uri: uri() })),
};

const restart = async (): Promise<void> => {
  await service.stop();
  await start();
};

const WAYS_TO_STOP: Record<string, () => Promise<void> | void> = {
  'leaves in order': async () => {
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'watch' } });
    await client.request('resources/unsubscribe', { uri: uri() });
  },
  'loses its connection': () => client.terminate(),
  'Opstream is restarted': restart,
  'Forge is away for a while': async () => {
    await forge.stop();
    await eventually('it was given up for now', async () =>
      (await story()).some((text) => text.startsWith('Forge cannot be reached')),
    );
    await forge.start();
  },
  'Opstream is restarted while Forge is away': async () => {
    await forge.stop();
    await restart();
    await forge.start();
  },
};

interface Listed {
  readonly operations: readonly { readonly operation_id: string; readonly status: string }[];
}

async function operations(): Promise<Listed['operations']> {
  const { body } = await service.rest.get<Listed>('/api/operations?type=forge.attempt');
  return body.operations;
}

async function story(): Promise<string[]> {
  const [first] = await operations();
  if (!first) return [];
  const { body } = await service.rest.get<{ events: { data: { message?: string } }[] }>(
    `/api/operations/${first.operation_id}/events?limit=1000`,
  );
  return body.events.map(({ data }) => data.message ?? '');
}

describe('a run that was once watched', { timeout: 30_000 }, () => {
  const matrix = Object.keys(WAYS_TO_WATCH).flatMap((way) =>
    Object.keys(WAYS_TO_STOP).map((stop) => [way, stop] as const),
  );

  it.each(matrix)('by %s, whose watcher %s, is recorded to its end in one operation', async (way, stop) => {
    await WAYS_TO_WATCH[way]!();
    await eventually('the run is recorded', () => forge.open(attempt.logPath(agent)).length === 1);
    attempt.log(agent, 'before\n');
    await eventually('it is recorded', async () => (await story()).includes('before'));
    await WAYS_TO_STOP[stop]!();
    await eventually('it is still recorded', () => forge.open(attempt.logPath(agent)).length === 1);
    expect(await operations()).toMatchObject([{ ended_at: null }]);
    attempt.log(agent, 'after\n');
    attempt.endProcess(agent, 'completed');
    await eventually('it ends as the run ends', async () => (await operations())[0]?.status === 'completed');
    const told = await story();
    for (const line of ['before', 'after']) expect(told.filter((text) => text === line)).toHaveLength(1);
    expect(await operations()).toHaveLength(1);
  });

  it('goes on after the time of the watch is up, and is cancelled when somebody cancels', async () => {
    const watched = client.call('forge_watch_task', { attempt_id: attempt.id, duration_seconds: 0.5 });
    expect((await watched).content).toMatchObject([
      { text: 'Watch completed. Received 0 updates over 0.5s' },
    ]);
    attempt.log(agent, 'later\n');
    await eventually('it is recorded', async () => (await story()).includes('later'));
    const [operation] = await operations();
    await service.rest.post(`/api/operations/${operation!.operation_id}/cancel`, {});
    await eventually('the streams are closed', () => forge.openSockets === 0);
    expect(await operations()).toMatchObject([{ status: 'cancelled' }]);
  });
});
