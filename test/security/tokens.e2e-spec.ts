import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { everyFace, FACES, INITIALIZE, statusesOf } from '../harness/transports.js';
import { JsonSocket } from '../harness/json-socket.js';
import { LogLines } from '../harness/log-lines.js';
import { frame, RawWebSocket } from '../harness/raw-websocket.js';
import { RunningService } from '../harness/running-service.js';
import { inSeconds, SECRET, sign, unsigned } from '../harness/tokens.js';

/** What the log says of a caller whose token is not valid. */
const INVALID_TOKEN: unknown = expect.objectContaining({ reason: 'invalid_token', ip: '127.0.0.1' });
const isRefusal = (message: unknown): boolean =>
  ['request_refused', 'websocket_auth_error'].includes(String((message as { event?: unknown }).event));

/** A call of a tool that needs more than the scope `mcp`. */
const CREATE_BY_TOOL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'create_operation', arguments: { operation_type: 't' } },
};
const RIGHT = { sub: 'ann', iss: 'us', aud: 'opstream' };

describe('trust: tokens of a shared secret', () => {
  let service: RunningService;
  const log = new LogLines();

  beforeAll(async () => {
    const settings = { STORE: 'memory', JWT_SECRET: SECRET, JWT_ISSUER: 'us', JWT_AUDIENCE: 'opstream' };
    service = await RunningService.start(settings, [], log);
  });
  afterAll(() => service.stop());

  it('a valid one opens every face', async () => {
    const statuses = await statusesOf(service, { token: await sign(RIGHT) });
    for (const [face, status] of Object.entries(statuses)) expect([face, status < 300]).toEqual([face, true]);
  });

  it.each<[string, () => string | Promise<string>]>([
    ['that claims to need no signature', () => unsigned(RIGHT)],
    ['without its signature', async () => (await sign(RIGHT)).replace(/[^.]+$/, '')],
    ['of another key', () => sign(RIGHT, { secret: 'another secret' })],
    ['that has expired', () => sign({ ...RIGHT, exp: inSeconds(-1) })],
    ['that does not hold yet', () => sign({ ...RIGHT, nbf: inSeconds(60) })],
    ['for another audience', () => sign({ ...RIGHT, aud: 'billing' })],
    ['for no audience', () => sign({ sub: 'ann', iss: 'us' })],
    ['of another issuer', () => sign({ ...RIGHT, iss: 'them' })],
    ['whose tenant is a path', () => sign({ ...RIGHT, tenant: '../other' })],
    ['whose user is no text', () => sign({ ...RIGHT, sub: { $ne: null } })],
    ['whose expiry is no number', () => sign({ ...RIGHT, exp: 'never' })],
    ['that is no token', () => 'a.b.c'],
    ['that is an unknown API key', () => 'f'.repeat(64)],
    ['that is too long', () => `x.${'y'.repeat(9000)}.z`],
  ])(
    'one %s opens none, although nobody would have had to show one, and each refusal is written down',
    async (_what, token) => {
      const presented = await token();
      const before = log.lines.length;
      expect(await statusesOf(service, { token: presented })).toEqual(everyFace(401));
      const lines = log.lines.slice(before).map(({ message }) => message);
      expect(lines.filter(isRefusal)).toEqual(Object.keys(FACES).map(() => INVALID_TOKEN));
      expect(JSON.stringify(lines)).not.toContain(presented);
    },
  );

  it('one whose claims were changed opens none', async () => {
    const [header, , signature] = (await sign(RIGHT)).split('.');
    const claims = Buffer.from(JSON.stringify({ ...RIGHT, role: 'admin' })).toString('base64url');
    expect(await statusesOf(service, { token: `${header}.${claims}.${signature}` })).toEqual(everyFace(401));
  });

  it('is found in header, query and subprotocol', async () => {
    const token = await sign(RIGHT);
    for (const face of Object.values(FACES)) {
      expect(await face(service, { headers: { authorization: `Bearer ${token}` } })).toBeLessThan(300);
      expect(await face(service, { headers: { authorization: 'Basic YTpi' } })).toBe(401);
    }
    for (const subprotocols of [['opstream', `bearer.${token}`], [`mcp.auth.${token}`]]) {
      const client = await service.hub('/hub', { subprotocols });
      expect(client.socket.protocol).toBe(subprotocols[0]);
      await client.close();
    }
    await expect(service.hub('/hub', { subprotocols: ['opstream', 'bearer.a.b.c'] })).rejects.toThrow('401');
  });

  it('scopes and roles decide what may be done (S4-73)', async () => {
    const reader = { authorization: `Bearer ${await sign({ ...RIGHT, scope: 'operations:read unknown' })}` };
    const admin = { authorization: `Bearer ${await sign({ ...RIGHT, role: 'admin' })}` };
    expect(await FACES['REST, reading']!(service, { headers: reader })).toBe(200);
    expect(await FACES['REST, writing']!(service, { headers: reader })).toBe(403);
    expect(await FACES['MCP over HTTP']!(service, { headers: reader })).toBe(403);
    const hub = await service.hub('/hub', { headers: reader });
    const refused = await hub.ask({ command: 'create_operation', operation_type: 't', request_id: 1 });
    expect(refused).toMatchObject({
      event_type: 'command_error',
      data: { code: 'forbidden' },
      request_id: 1,
    });
    expect((await service.rest.request('GET', '/api/keys', { headers: admin })).status).toBe(200);
    expect((await service.rest.request('GET', '/api/keys', { headers: reader })).status).toBe(403);
    expect((await service.rest.request('GET', '/api/keys')).status).toBe(403);
  });

  it.each<[string, string, object]>([
    ['/hub', 'operations:read', { command: 'subscribe_all' }],
    ['/hub', 'operations:write', { command: 'create_operation', operation_type: 't' }],
    ['/', 'operations:read', { command: 'get_operation', operation_id: 'x' }],
    ['/agents', 'operations:read', { type: 'subscribe', operation_id: 'x' }],
    ['/agents', 'operations:write', { type: 'agent_status', agentId: 'a', status: 's' }],
    ['/agents', 'operations:write', { type: 'batch', messages: [{ type: 'emit', operation_id: 'x' }] }],
    ['/mcp', 'mcp', INITIALIZE],
    ['/ws', 'mcp', INITIALIZE],
    ['/mcp', 'operations:write', CREATE_BY_TOOL],
  ])('%s: what needs the scope %s is refused without it, and written down', async (path, _scope, message) => {
    const token = await sign({ ...RIGHT, sub: 'idle', scope: message === CREATE_BY_TOOL ? 'mcp' : '' });
    const before = log.lines.length;
    const socket = await JsonSocket.connect(`${service.ws}${path}?token=${token}`);
    socket.send(message);
    await eventually('the refusal', () => JSON.stringify(socket.inbox).includes('"code":"forbidden"'));
    socket.terminate();
    const refusals = log.lines.slice(before).filter(({ level }) => level === 'warn');
    expect(refusals.map((line) => line.message)).toContainEqual(
      expect.objectContaining({ reason: 'forbidden', userId: 'idle', ip: '127.0.0.1' }),
    );
  });

  it('over HTTP, what needs a scope is refused without it, and written down', async () => {
    const headers = { authorization: `Bearer ${await sign({ ...RIGHT, sub: 'idle', scope: '' })}` };
    for (const name of ['REST, reading', 'REST, writing', 'SSE', 'MCP over HTTP']) {
      const before = log.of('request_refused').length;
      expect([name, await FACES[name]!(service, { headers })]).toEqual([name, 403]);
      expect(log.of('request_refused').slice(before)).toMatchObject([
        { reason: 'forbidden', userId: 'idle' },
      ]);
    }
  });

  it('a live connection goes on with a newer token of its user, and with no other', async () => {
    const mine = async (claims: object): Promise<string> => sign({ ...RIGHT, ...claims });
    const hub = await service.hub(`/hub?token=${await mine({ exp: inSeconds(2) })}`);
    for (const other of [{ sub: 'bob' }, { tenant: 'elsewhere' }]) {
      const answer = await hub.ask({ command: 'authenticate', token: await mine(other) });
      expect(answer).toMatchObject({ event_type: 'command_error', data: { code: 'forbidden' } });
    }
    for (const token of ['a.b.c', 5, undefined]) {
      expect(await hub.ask({ command: 'authenticate', token })).toMatchObject({
        event_type: 'command_error',
      });
    }
    const operationId = (
      (await hub.ask({ command: 'create_operation', operation_type: 't' })) as { operation_id: string }
    ).operation_id;
    await hub.subscribe(operationId);
    // Fewer scopes than before: what it follows ends, too.
    const exp = inSeconds(3600);
    expect(
      await hub.ask({ command: 'authenticate', token: await mine({ exp, scope: 'mcp' }) }),
    ).toMatchObject({
      status: 'authenticated',
      data: { user_id: 'ann', expires_at: exp },
    });
    expect(await hub.ask({ command: 'get_stats' })).toMatchObject({ data: { code: 'forbidden' } });
    await hub.ask({ command: 'authenticate', token: await mine({ exp: inSeconds(1) }) });
    expect(await hub.closed).toEqual({ code: 4401, reason: 'Token expired' });
  });

  it('a peer that ignores the end of its token is not heard any more, and is cut off', async () => {
    const token = await sign({ ...RIGHT, tenant: 'deaf', exp: inSeconds(2) });
    const peer = await RawWebSocket.open(service.port, `/hub?token=${token}`);
    await peer.until('Token expired');
    await peer.write(frame('{"command":"create_operation","operation_type":"late"}'));
    expect(await peer.closeCode()).toBe(4401);
    const headers = { authorization: `Bearer ${await sign({ ...RIGHT, tenant: 'deaf' })}` };
    const stats = await service.rest.request('GET', '/api/stats', { headers });
    expect(stats.body).toMatchObject({ total_operations: 0, connected_clients: 0 });
  });

  it('a stream ends with its token, and says so', async () => {
    const response = await fetch(
      `${service.http}/api/stream?token=${await sign({ ...RIGHT, exp: inSeconds(2) })}`,
    );
    expect(await response.text()).toContain(
      'event: stream_error\ndata: {"code":"unauthorized","detail":"Token expired"}',
    );
  });
});

describe('trust: tokens of a key set', () => {
  let keyServer: Server;
  let url: string;

  afterAll(() => keyServer.close());

  it('takes what the key set signed, and neither an HMAC with its public key nor a service without its keys', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256' }] };
    let answers = true;
    keyServer = createServer((_request, response) => {
      response.writeHead(answers ? 200 : 500).end(JSON.stringify(keys));
    });
    await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/keys`;
    const signed = (kid: string): Promise<string> =>
      new SignJWT({ sub: 'ann', aud: 'opstream', iss: 'https://issuer.example' })
        .setProtectedHeader({ alg: 'RS256', kid })
        .sign(privateKey);

    answers = false;
    const service = await RunningService.start({
      STORE: 'memory',
      JWKS_URL: url,
      JWT_AUDIENCE: 'opstream',
      JWT_ISSUER: 'https://issuer.example',
    });
    try {
      const { hub } = FACES;
      expect(await hub!(service, { token: await signed('k1') })).toBe(503);
      answers = true;
      expect(await hub!(service, { token: await signed('k1') })).toBe(101);
      const secret = await exportSPKI(publicKey);
      expect(await hub!(service, { token: await sign({ sub: 'ann' }, { secret }) })).toBe(401);
      expect(await hub!(service, { token: unsigned({ sub: 'ann' }) })).toBe(401);
    } finally {
      await service.stop();
    }
  });
});
