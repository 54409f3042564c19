import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubClient, RestClient, type OperationEvent } from '../../src/client/index.js';
import { CliProcess } from '../harness/cli-process.js';
import { eventually } from '../harness/eventually.js';
import { FakeForge } from '../harness/fake-forge.js';
import { McpClient } from '../harness/mcp-client.js';
import { momentsOf, RecordedAttempt, type Moment } from '../harness/recorded-attempt.js';
import { RunningService } from '../harness/running-service.js';
import { ServiceProcess } from '../harness/service-process.js';

type AgentLogs = 'raw' | 'normalized';

/** The first run of the recorded attempt, in the order of its clock: a setup script, then the agent. */
function firstRun(agentLogs: AgentLogs): Moment[] {
  const [begin, setupEnds, agentBegins, repeated, running, agentEnds] = momentsOf('execution-processes');
  const setup = momentsOf('raw-logs-setup');
  const agent = momentsOf(agentLogs === 'raw' ? 'raw-logs-agent-live' : 'normalized-logs-agent-live');
  const diffs = momentsOf('diff', 0, 6);
  return [
    begin!,
    ...setup,
    setupEnds!,
    agentBegins!,
    ...agent.slice(0, 2),
    repeated!,
    ...diffs.slice(0, 3),
    running!,
    ...agent.slice(2, -1),
    ...diffs.slice(3),
    agent.at(-1)!,
    agentEnds!,
  ];
}

/** The follow-up, which somebody stops. */
function secondRun(): Moment[] {
  const [begin, again, killed, killedAgain] = momentsOf('execution-processes', 6, 10);
  const log = momentsOf('raw-logs-slow');
  const diffs = momentsOf('diff', 6);
  return [begin!, ...log.slice(0, 4), again!, ...diffs, ...log.slice(4), killed!, killedAgain!];
}

const STREAMS = [
  'raw-logs-setup',
  'raw-logs-agent-live',
  'normalized-logs-agent-live',
  'raw-logs-slow',
  'diff',
];
const QUICK = { FORGE_RECONNECT_DELAY_MS: '20', FORGE_RECONNECT_ATTEMPTS: '3' };

/** What is recorded of one kind: lines of a log, changed files, states of processes. */
const told = (events: readonly OperationEvent[], kind: string): string[] =>
  events.flatMap(({ event_type: type, data }) => {
    if (type !== 'log') return [];
    const { message, details } = data as { message: string; details?: { kind?: string } };
    return details?.kind === kind ? [message] : [];
  });

async function recorded(rest: RestClient, id: string): Promise<OperationEvent[]> {
  return (await rest.getEvents(id, 0, 1000)).events;
}

/** A recorded attempt that nothing disturbs, watched by a service that nobody touches: what is to be recorded. */
async function undisturbed(agentLogs: AgentLogs, runs: readonly Moment[][]): Promise<OperationEvent[][]> {
  const forge = await new FakeForge().start();
  const attempt = new RecordedAttempt(forge, STREAMS);
  const service = await RunningService.start({
    STORE: 'memory',
    FORGE_URL: forge.url,
    FORGE_AGENT_LOGS: agentLogs,
  });
  const rest = new RestClient({ url: service.http });
  try {
    const all = [];
    for (const [index, run] of runs.entries()) {
      attempt.play(run[0]!);
      const { operation_id: id } = await rest.watchForgeAttempt(attempt.id);
      expect(id).toBe(`forge-${attempt.id}-${index + 1}`);
      await eventually('the attempt to be followed', () => attempt.isFollowed);
      for (const moment of run.slice(1)) attempt.play(moment);
      await eventually('its end', async () => (await rest.getOperation(id)).ended_at !== null);
      all.push(await recorded(rest, id));
    }
    return all;
  } finally {
    await service.stop();
    await forge.stop();
  }
}

/** A service that mirrors, and everything that happens to it in a night. */
class Night {
  readonly happened: string[] = [];
  private readonly watchers: { close(): void }[] = [];
  private forgeIsUp = true;

  constructor(
    readonly forge: FakeForge,
    readonly attempt: RecordedAttempt,
    readonly service: ServiceProcess,
    private readonly operationId: string,
  ) {}

  /** In turn: each of the things that befall a mirror, between two moments of the run. */
  private readonly events: readonly (() => Promise<void>)[] = [
    () => this.watcherComes('tool', () => this.tool()),
    () => this.killed(),
    () => this.watcherComes('hub', () => this.hub()),
    () => this.forgeGoes(),
    () => this.watcherComes('command', () => this.command()),
    () => this.forgeReturns(),
    () => this.watcherLeaves(),
    () => this.killed(),
    () => this.watcherComes('REST', () => this.rest()),
    () => this.forgeGoes(),
    () => this.killed(),
    () => this.forgeReturns(),
    () => this.watcherLeaves(),
  ];

  async passes(run: readonly Moment[]): Promise<void> {
    let next = 0;
    for (const [index, moment] of run.entries()) {
      this.attempt.play(moment);
      // What happens while nobody is there is not seen; so now and then somebody is.
      if (this.forgeIsUp)
        await eventually('the attempt to be followed', () => this.attempt.isFollowed, 20_000);
      if (index % 2 === 0) await this.events[next++ % this.events.length]!();
    }
    if (!this.forgeIsUp) await this.forgeReturns();
  }

  close(): void {
    for (const watcher of this.watchers.splice(0)) watcher.close();
  }

  private async killed(): Promise<void> {
    this.happened.push('killed');
    await this.service.kill();
    await this.service.restart();
  }

  private async forgeGoes(): Promise<void> {
    this.happened.push('Forge away');
    this.forgeIsUp = false;
    await this.forge.stop();
  }

  private async forgeReturns(): Promise<void> {
    await this.forge.start();
    this.forgeIsUp = true;
    await eventually('the attempt to be followed again', () => this.attempt.isFollowed, 30_000);
  }

  private async watcherComes(how: string, come: () => Promise<{ close(): void }>): Promise<void> {
    this.happened.push(`${how} watches`);
    this.watchers.push(await come());
  }

  private watcherLeaves(): Promise<void> {
    this.watchers.shift()?.close();
    return Promise.resolve();
  }

  private async tool(): Promise<{ close(): void }> {
    const client = await McpClient.connect(`${this.service.url.replace('http', 'ws')}/mcp`);
    await client.initialize();
    const args = { attempt_id: this.attempt.id, duration_seconds: 600 };
    const params = { name: 'forge_watch_task', arguments: args };
    client.send({ jsonrpc: '2.0', id: 'watch', method: 'tools/call', params });
    return { close: () => client.terminate() };
  }

  private async hub(): Promise<{ close(): void }> {
    const hub = new HubClient({ url: this.service.url });
    await hub.connect();
    void (async () => {
      for await (const event of hub.follow(this.operationId, { afterSeq: 0 })) void event;
    })().catch(() => {});
    return hub;
  }

  private command(): Promise<{ close(): void }> {
    const command = new CliProcess(['watch', this.operationId, '--json', '--url', this.service.url]);
    return Promise.resolve({ close: () => command.signal('SIGKILL') });
  }

  private async rest(): Promise<{ close(): void }> {
    await new RestClient({ url: this.service.url }).watchForgeAttempt(this.attempt.id).catch(() => {});
    return { close: () => {} };
  }
}

describe('a night of a recorded attempt, in fast motion', { timeout: 180_000 }, () => {
  let forge: FakeForge;
  let service: ServiceProcess;
  let night: Night | undefined;

  beforeEach(async () => {
    forge = await new FakeForge().start();
  });
  afterEach(async () => {
    night?.close();
    await service.stop();
    await forge.stop();
  });

  it.each(['raw', 'normalized'] as const)(
    'with %s logs: every run ends as it did, with everything in its record, and nothing twice',
    async (agentLogs) => {
      const runs = agentLogs === 'raw' ? [firstRun('raw'), secondRun()] : [firstRun('normalized')];
      const wanted = await undisturbed(agentLogs, runs);
      const attempt = new RecordedAttempt(forge, STREAMS);
      service = await ServiceProcess.start({ ...QUICK, FORGE_URL: forge.url, FORGE_AGENT_LOGS: agentLogs });
      const rest = new RestClient({ url: service.url });
      for (const [index, run] of runs.entries()) {
        attempt.play(run[0]!);
        const { operation_id: id } = await rest.watchForgeAttempt(attempt.id);
        expect(id).toBe(`forge-${attempt.id}-${index + 1}`);
        night = new Night(forge, attempt, service, id);
        await night.passes(run.slice(1));
        expect(night.happened.filter((what) => what === 'killed').length).toBeGreaterThanOrEqual(1);
        await eventually('its end', async () => (await rest.getOperation(id)).ended_at !== null, 30_000);
        night.close();
        const events = await recorded(rest, id);
        expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, at) => at + 1));
        for (const kind of ['log', 'diff', 'process']) {
          expect([kind, told(events, kind)]).toEqual([kind, told(wanted[index]!, kind)]);
        }
        const last = wanted[index]!.at(-1)!;
        expect(events.at(-1)).toMatchObject({ event_type: last.event_type });
        expect(events.filter(({ event_type: type }) => type === last.event_type)).toHaveLength(1);
      }
      const { operations } = await rest.listOperations({ type: 'forge.attempt' });
      expect(operations.map(({ operation_id: id }) => id).toSorted()).toEqual(
        runs.map((_run, index) => `forge-${attempt.id}-${index + 1}`),
      );
    },
  );
});
