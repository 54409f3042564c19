import { spawn, type ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { FakeAttempt } from '../harness/fake-attempt.js';
import { FakeForge } from '../harness/fake-forge.js';
import { freePort } from '../harness/free-port.js';
import { RestClient, type RestRequest } from '../harness/rest-client.js';
import { ServiceProcess } from '../harness/service-process.js';
import { SECRET, sign } from '../harness/tokens.js';

interface LogEvent {
  readonly seq: number;
  readonly data: { readonly message?: string; readonly details?: { readonly kind: string } };
}

let service: ServiceProcess;

afterEach(() => service.stop());

describe('A service that is killed while it mirrors', () => {
  let forge: FakeForge;

  beforeEach(async () => {
    forge = await new FakeForge().start();
    service = await ServiceProcess.start({
      FORGE_AGENT_LOGS: 'raw',
      FORGE_TENANTS: '*',
      FORGE_URL: forge.url,
      JWT_SECRET: SECRET,
    });
  });
  afterEach(() => forge.stop());

  it('takes up the runs of every tenant by itself, loses nothing and records nothing twice', async () => {
    const rest = new RestClient(service.url);
    const runs = await Promise.all(
      ['default', 'red', 'blue'].map(async (tenant) => {
        const attempt = new FakeAttempt(forge);
        const who: RestRequest = {
          headers: { authorization: `Bearer ${await sign({ sub: 'u', tenant })}` },
        };
        const { body } = await rest.request('POST', `/api/forge/attempts/${attempt.id}/watch`, who);
        return {
          attempt,
          agent: attempt.startProcess(),
          who,
          path: `/api/operations/${String(body.operation_id)}`,
        };
      }),
    );
    const events = async ({ who, path }: (typeof runs)[number]) =>
      (await rest.request<{ events: LogEvent[] }>('GET', `${path}/events?limit=1000`, who)).body.events;
    for (let round = 1; round <= 4; round++) {
      for (const { attempt, agent } of runs) {
        attempt.log(agent, `round ${round}\nhalf of `);
        attempt.diff(`file-${round}`, `${round}\n`);
      }
      if (round === 4) break;
      await eventually('something of the round is recorded', async () => {
        const told = await Promise.all(runs.map(events));
        return told.every((all) => all.some(({ data }) => data.message?.endsWith(`round ${round}`)));
      });
      await service.kill();
      await service.restart();
    }
    for (const { attempt, agent } of runs) attempt.endProcess(agent, 'completed');
    for (const run of runs) {
      await eventually(
        'the run is recorded to its end',
        async () => (await rest.request('GET', run.path, run.who)).body.status === 'completed',
        30_000,
      );
      const all = await events(run);
      expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
      const of = (kind: string) =>
        all.filter(({ data }) => data.details?.kind === kind).map(({ data }) => data.message);
      expect(of('log')).toEqual([
        'round 1',
        'half of round 2',
        'half of round 3',
        'half of round 4',
        'half of ',
      ]);
      expect(of('diff')).toEqual(['added file-1', 'added file-2', 'added file-3', 'added file-4']);
      expect(of('process')).toEqual(['codingagent running', 'codingagent completed with exit code 0']);
    }
  });
});

describe('A Forge that starts later than the service', () => {
  let forge: ChildProcess | undefined;

  afterEach(() => void forge?.kill('SIGKILL'));

  it('is named by readiness until it answers, and is used from then on', async () => {
    const port = await freePort();
    service = await ServiceProcess.start({ FORGE_AGENT_LOGS: 'raw', FORGE_URL: `http://127.0.0.1:${port}` });
    const rest = new RestClient(service.url);
    const ready = async () => (await rest.get('/health/ready')).body;
    expect(await ready()).toEqual({ status: 'DEGRADED', degraded: ['forge'] });
    expect((await rest.post('/api/forge/attempts/a/watch')).body).toMatchObject({
      status: 503,
      code: 'forge_unavailable',
    });
    const answer = `require('node:http').createServer((request, response) => {
      response.writeHead(request.url === '/health' ? 200 : 404, { 'content-type': 'application/json' });
      response.end('{}');
    }).listen(${port}, '127.0.0.1');`;
    forge = spawn(process.execPath, ['-e', answer], { stdio: 'ignore' });
    await eventually('Forge is up', async () => (await ready()).status === 'UP', 10_000);
    const { body } = await rest.post('/api/forge/attempts/a/watch');
    expect(body).toMatchObject({ status: 404, code: 'forge_not_found' });
    forge.kill('SIGKILL');
    await eventually('Forge is degraded again', async () => (await ready()).status === 'DEGRADED', 20_000);
  });
});
