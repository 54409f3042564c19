import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { JsonSocket, Refused } from '../harness/json-socket.js';
import { LogLines } from '../harness/log-lines.js';
import { RawWebSocket } from '../harness/raw-websocket.js';
import { RunningService } from '../harness/running-service.js';
import { inSeconds, SECRET, sign } from '../harness/tokens.js';

async function refusal(attempt: Promise<JsonSocket>): Promise<Refused> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (!(outcome instanceof Refused)) throw new Error('The upgrade was not refused');
  return outcome;
}

describe('agents: who gets in, and how long', () => {
  let service: RunningService;
  const log = new LogLines();

  beforeAll(async () => {
    const settings = { STORE: 'memory', JWT_SECRET: SECRET, HEARTBEAT_INTERVAL_MS: '150' };
    service = await RunningService.start(settings, [], log);
  });
  afterAll(() => service.stop());

  const connect = (token?: string): Promise<JsonSocket> =>
    JsonSocket.connect(`${service.ws}/agents${token === undefined ? '' : `?token=${token}`}`);

  it('S4-V01 S4-08 S4-42 S4-43: wants a token, even on a loopback address', async () => {
    expect(await refusal(connect())).toMatchObject({ status: 401, body: 'Unauthorized: Missing token' });
    expect(log.of('websocket_auth_failed').at(-1)).toMatchObject({
      reason: 'missing_token',
      ip: '127.0.0.1',
    });
  });

  it('S4-V02 S4-V21 S4-44 S4-48: refuses a token that is not valid, or not any more', async () => {
    for (const token of [
      'bad',
      await sign({ id: 'u', exp: 1_000_000_000 }),
      await sign({ id: 'u' }, { secret: 'x' }),
    ]) {
      expect(await refusal(connect(token))).toMatchObject({
        status: 401,
        body: 'Unauthorized: Invalid token',
      });
    }
    expect(log.of('websocket_auth_error').at(-1)).toMatchObject({ reason: 'invalid_token', path: '/agents' });
    expect(JSON.stringify(log.lines)).not.toContain('token=');
  });

  it('X-50: answers 400 on a path that has no protocol', async () => {
    const token = await sign({ id: 'u' });
    expect(await refusal(JsonSocket.connect(`${service.ws}/nowhere?token=${token}`))).toMatchObject({
      status: 400,
    });
  });

  it('S4-V18 S4-25 S4-45 S4-46 S4-47 S4-49 X-51: lets a user have five connections, and gives places back', async () => {
    const token = await sign({ id: 'busy' });
    for (let round = 0; round < 3; round += 1) {
      const five = await Promise.all(Array.from({ length: 5 }, () => connect(token)));
      const sixth = await refusal(connect(token));
      expect(sixth).toMatchObject({ status: 429, body: 'Too Many Connections' });
      (await connect(await sign({ id: 'busy', tenant: 'elsewhere' }))).terminate();
      // In order, or cut: both give the place back.
      for (const [index, agent] of five.entries()) {
        if (index % 2 === 0) agent.terminate();
        else await agent.close();
      }
      await eventually('a place is free again', () =>
        connect(token).then(
          (agent) => agent.close().then(() => true),
          () => false,
        ),
      );
      await eventually('all places are free', async () => {
        const all = await Promise.allSettled(Array.from({ length: 5 }, () => connect(token)));
        const open = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
        await Promise.all(open.map((agent) => agent.close()));
        return open.length === 5;
      });
    }
    expect(
      log
        .of('websocket_auth_failed')
        .some(({ reason, limit }) => reason === 'connection_limit' && limit === 5),
    ).toBe(true);
    expect(log.of('websocket_auth_success').at(-1)).toMatchObject({ userId: 'busy', connections: 5 });
  });

  it('gives a place back to a client that leaves in the middle of its upgrade', async () => {
    const token = await sign({ id: 'leaver' });
    for (let n = 0; n < 20; n += 1) {
      await new Promise<void>((resolve) => {
        const socket = createConnection(service.port, '127.0.0.1', () => {
          socket.write(
            `GET /agents?token=${token} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
              'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
          );
          socket.destroy();
          resolve();
        });
      });
    }
    await eventually('the user can connect', () =>
      connect(token).then(
        (agent) => agent.close().then(() => true),
        () => false,
      ),
    );
  });

  it('S4-V15 S4-10 S4-22 S4-23 X-53: ends a connection that sends more than 1 MB', async () => {
    const agent = await connect(await sign({ id: 'large' }));
    await agent.next();
    agent.send('x'.repeat(1024 * 1024 + 1));
    expect((await agent.closed).code).toBe(1009);
    expect(log.of('websocket_error').at(-1)).toMatchObject({ user: 'large' });
    await eventually('the end is written down', () =>
      log.of('websocket_disconnection').some(({ user, code }) => user === 'large' && Number(code) > 1000),
    );
    expect((await service.rest.get('/metrics')).text).toMatch(/^errors_total\{type="network"\} [1-9]/m);
  });

  it('S4-V17 S4-06 S4-13 S4-14 S4-15: negotiates compression as the document configures it', async () => {
    const token = await sign({ id: 'deflate' });
    const raw = await RawWebSocket.open(
      service.port,
      `/agents?token=${token}`,
      'permessage-deflate; client_max_window_bits',
    );
    const granted = /^Sec-WebSocket-Extensions: (.+)\r$/im.exec(raw.handshake)?.[1] ?? '';
    expect(new Set(granted.split(/; ?/))).toEqual(
      new Set([
        'permessage-deflate',
        'server_no_context_takeover',
        'client_no_context_takeover',
        'server_max_window_bits=10',
      ]),
    );
    raw.socket.destroy();
    const agent = await JsonSocket.connect(`${service.ws}/agents?token=${token}`, {
      perMessageDeflate: true,
    });
    expect(agent.socket.extensions).toBe('permessage-deflate');
    await agent.next();
    // What the client compresses is read, too.
    const padding = 'x'.repeat(5000);
    expect(await agent.ask({ type: 'ping', id: 'packed', padding })).toMatchObject({ id: 'packed' });
    await agent.close();
  });

  it('S4-V22 S4-04 S4-19 S4-20: ends a client that answers no ping', async () => {
    const token = await sign({ id: 'dead' });
    const agent = await JsonSocket.connect(`${service.ws}/agents?token=${token}`, { autoPong: false });
    expect((await agent.closed).code).toBe(1006);
    expect(log.of('websocket_heartbeat_timeout').at(-1)).toMatchObject({ user: 'dead' });
    await eventually('the end is written down', () =>
      log.of('websocket_disconnection').some(({ user, code }) => user === 'dead' && code === 1006),
    );
  });

  it('S4-V23: keeps a client that answers pings', async () => {
    const agent = await connect(await sign({ id: 'alive' }));
    let pings = 0;
    agent.socket.on('ping', () => (pings += 1));
    await agent.next();
    await eventually('five pings', () => pings >= 5);
    expect(await agent.ask({ type: 'ping', id: 'alive' })).toMatchObject({ type: 'pong', id: 'alive' });
  });

  it('ends a connection with its token (4401), unless a newer one came in time', async () => {
    const [expiring, refreshed] = await Promise.all([
      connect(await sign({ id: 'brief', exp: inSeconds(2) })),
      connect(await sign({ id: 'brief', exp: inSeconds(2) })),
    ]);
    await refreshed.next();
    const token = await sign({ id: 'brief', exp: inSeconds(3600) });
    expect(await refreshed.ask({ type: 'authenticate', id: 1, token })).toMatchObject({
      status: 'success',
      result: { status: 'authenticated', data: { user_id: 'brief' } },
    });
    expect(await expiring.closed).toEqual({ code: 4401, reason: 'Token expired' });
    expect(await refreshed.ask({ type: 'ping', id: 'still here' })).toMatchObject({ id: 'still here' });
  });
});

describe('agents: a path of their own', () => {
  it('S4-07: are served on WEBSOCKET_PATH alone', async () => {
    const service = await RunningService.start({
      STORE: 'memory',
      JWT_SECRET: SECRET,
      WEBSOCKET_PATH: '/robots',
    });
    try {
      const token = await sign({ id: 'u' });
      const agent = await JsonSocket.connect(`${service.ws}/robots?token=${token}`);
      expect(await agent.next()).toMatchObject({ type: 'connection_established' });
      await expect(JsonSocket.connect(`${service.ws}/agents?token=${token}`)).rejects.toMatchObject({
        status: 400,
      });
    } finally {
      await service.stop();
    }
  });
});
