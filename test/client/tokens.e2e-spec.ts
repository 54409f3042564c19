import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient, RestClient, type FollowedEvent } from '../../src/client/index.js';
import { runCli } from '../harness/cli-process.js';
import { ServiceProcess } from '../harness/service-process.js';
import { eventually } from '../harness/eventually.js';
import { inSeconds, SECRET, sign } from '../harness/tokens.js';

const SOON = { maxAttempts: Infinity, delay: () => 20 };

let service: ServiceProcess;

beforeAll(async () => {
  service = await ServiceProcess.start({ JWT_SECRET: SECRET, ALLOW_ANONYMOUS: 'false' });
});

afterAll(() => service.stop());

const token = (seconds: number, secret = SECRET): Promise<string> =>
  sign({ sub: 'tester', exp: inSeconds(seconds) }, { secret });

describe('tokens', () => {
  it('S4-50 without one, or with a wrong one, the client ends at once and says why', async () => {
    for (const wrong of [undefined, 'nonsense', await token(60, `${SECRET}!`), await token(-60)]) {
      const hub = new HubClient({ url: service.url, token: wrong, reconnect: SOON });
      await expect(hub.connect()).rejects.toMatchObject({ code: 'unauthorized', status: 401 });
      const loop = new HubClient({ url: service.url, token: wrong, reconnect: SOON }).follow('x', {
        afterSeq: 0,
      });
      await expect(loop.next()).rejects.toMatchObject({ code: 'unauthorized' });
      const rest = new RestClient({ url: service.url, token: wrong });
      await expect(rest.getStats()).rejects.toMatchObject({ code: 'unauthorized', status: 401 });
    }
  });

  it('a client that can fetch tokens goes on when one expires; one that cannot is told', async () => {
    const rest = new RestClient({ url: service.url, token: await token(600) });
    const { operation_id: id } = await rest.createOperation('job');
    let fetched = 0;
    const hub = new HubClient({
      url: service.url,
      token: () => {
        fetched++;
        return token(fetched === 1 ? 2 : 600);
      },
      reconnect: SOON,
    });
    const fixed = new HubClient({ url: service.url, token: await token(2), reconnect: SOON });
    const codes: number[] = [];
    hub.on('disconnected', ({ code }) => codes.push(code));
    const seen: FollowedEvent[] = [];
    const loop = (async () => {
      for await (const event of hub.follow(id, { afterSeq: 0 })) seen.push(event);
    })();
    const told = fixed.follow(id, { afterSeq: 1 }).next();
    await expect(told).rejects.toMatchObject({ code: 'unauthorized' });
    await eventually('the fresh token', () => fetched === 2 && hub.isConnected);
    await rest.record(id, [{ event_type: 'result', data: { result: 1 } }]);
    await loop;
    expect(codes).toEqual([4401]);
    expect(seen).toEqual((await rest.getEvents(id)).events);
    hub.close();
  });

  it('the command takes one by option or variable, and says what is missing', async () => {
    const url = service.url;
    const good = await token(60);
    const [byOption, byVariable, none, noneHub] = await Promise.all([
      runCli(['stats', '--url', url, '--token', good]),
      runCli(['monitor', '--help'], { env: { OPSTREAM_URL: url, OPSTREAM_TOKEN: good } }),
      runCli(['list', '--url', url]),
      runCli(['watch', 'x', '--url', url, '--token', 'nonsense']),
    ]);
    expect(byOption.code).toBe(0);
    expect(byVariable.stdout).not.toContain(good);
    for (const refused of [none, noneHub]) {
      expect(refused.code).toBe(4);
      expect(refused.stderr).toContain('Give one with --token or OPSTREAM_TOKEN');
    }
    const recorded = await runCli(['run', '--operation-id', 'with-token', '--', 'echo', 'hi'], {
      env: { OPSTREAM_URL: url, OPSTREAM_TOKEN: good },
    });
    expect(recorded).toMatchObject({ code: 0, stdout: 'hi\n' });
    const rest = new RestClient({ url, token: good });
    expect(await rest.getOperation('with-token')).toMatchObject({ status: 'completed' });
    const refused = await runCli(['run', '--url', url, '--', 'echo', 'hi']);
    expect(refused).toMatchObject({ code: 0, stdout: 'hi\n' });
    expect(refused.stderr).toContain('not recorded');
  }, 40_000);
});
