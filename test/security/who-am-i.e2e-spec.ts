import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { anonymousPrincipal } from '../../src/auth/principal.js';
import { RateLimiter } from '../../src/auth/rate-limiter.js';
import { eventually } from '../harness/eventually.js';
import { Refused } from '../harness/json-socket.js';
import { McpClient } from '../harness/mcp-client.js';
import { RemotePeer } from '../harness/remote-peer.js';
import { RunningService } from '../harness/running-service.js';
import { inSeconds, SECRET, sign } from '../harness/tokens.js';
import { type Asker, OWN, type Transport, TRANSPORTS } from './who-am-i-transports.js';
import { NOTHING, PLACES, type Presented, type Seen, seenOf, WhoAmIModule } from './who-am-i.js';

/**
 * "Who am I?" with every credential, in every place, over every transport, by every kind of tool. Each answer must
 * name the caller, its tenant and scopes, and each question count once against the caller's limits.
 */

/** Others can reach it, so that limits count; the kernel reads it as 127.0.0.1. */
const PUBLIC = { HOST: '127.1', STORE: 'memory', JWT_SECRET: SECRET, MCP_LEGACY_SSE: 'true' };
const UNLIMITED = { RATE_LIMIT_API: '1000000', RATE_LIMIT_WS: '1000000', RATE_LIMIT_AUTH: '1000000' };
const READING = ['operations:read', 'sessions:read', 'streams:read', 'mcp'];
const WRITING = [...READING, 'operations:write', 'sessions:write', 'streams:write'];

type Identity = Required<Seen>;

interface Credential {
  /** Undefined: nothing is presented. */
  readonly value: string | undefined;
  /** Undefined: refused. */
  readonly as: Identity | undefined;
  /** A key, which has a header of its own. */
  readonly isKey: boolean;
}

const ANONYMOUS: Identity = { ...seenOf(anonymousPrincipal), mayWrite: true };
/** What the far service, which peers and documents lead to, knows this one as. */
const ROBOT = { tenant: 'far', user: 'robot', scopes: ['mcp', 'operations:read'] };

let folder: string;
let far: RunningService;
/** Takes callers without a token, so that a lost credential does not show as a refusal; and one that does not. */
const services: Partial<Record<'open' | 'closed', RunningService>> = {};
const credentials: Record<'open' | 'closed', Record<string, Credential>> = { open: {}, closed: {} };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opstream-who-'));
  far = await RunningService.start({ STORE: 'memory', JWT_SECRET: SECRET }, [WhoAmIModule]);
  const robot = await sign({ sub: ROBOT.user, tenant: ROBOT.tenant, scope: ROBOT.scopes.join(' ') });
  const document = join(folder, 'far.json');
  const paths = { '/whoami': { get: { operationId: 'whoami_there' } } };
  await writeFile(document, JSON.stringify({ openapi: '3.1.0', info: { title: 't', version: '1' }, paths }));
  const settings = {
    ...PUBLIC,
    ...UNLIMITED,
    MCP_PEERS: JSON.stringify([{ name: 'far', url: `${far.ws}/mcp?token=${robot}`, scope: 'mcp' }]),
    MCP_OPENAPI: JSON.stringify([
      {
        document: 'self',
        prefix: 'own_',
        include_operations: ['whoami_endpoint', 'get_operation', 'create_operation'],
      },
      { document, base_url: far.http, headers: { authorization: `Bearer ${robot}` }, scope: 'mcp' },
    ]),
  };
  for (const [name, more] of [
    ['open', { ALLOW_ANONYMOUS: 'true' }],
    ['closed', {}],
  ] as const) {
    services[name] = await RunningService.start({ ...settings, ...more }, [WhoAmIModule]);
    await prepare(name, services[name]);
  }
});
afterAll(async () => {
  await Promise.all([services.open?.stop(), services.closed?.stop()]);
  await far.stop();
  await rm(folder, { recursive: true });
});

async function prepare(kind: 'open' | 'closed', service: RunningService): Promise<void> {
  for (const tenant of ['default', 'north', 'south']) {
    const headers = { authorization: `Bearer ${await sign({ sub: 'root', tenant, role: 'admin' })}` };
    const post = (path: string, body: object) => service.rest.post(path, body, headers);
    await post('/api/operations', { operation_type: 'x', operation_id: OWN, metadata: { tenant } });
    await post('/api/sessions', { session_id: OWN, purpose: `tenant=${tenant}` });
    await post(`/api/sessions/${OWN}/messages`, { content: `tenant=${tenant}` });
    await fetch(`${service.http}/v1/stream/${OWN}`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'text/plain' },
      body: `tenant=${tenant}.`,
    });
  }
  const token = (sub: string, more: object = {}) =>
    sign({ sub, tenant: 'north', scope: WRITING.join(' '), ...more });
  const identity = (tenant: string, user: string, scopes: readonly string[]): Identity => ({
    tenant,
    user,
    scopes: [...scopes].sort(),
    mayWrite: scopes.includes('operations:write'),
  });
  const sue = await sign({ sub: 'sue', tenant: 'south', role: 'admin' });
  const key = async (name: string, more: object = {}) => {
    const body = { name, scopes: READING, ...more };
    const answer = await service.rest.post<{ key: string; id: string }>('/api/keys', body, {
      authorization: `Bearer ${sue}`,
    });
    return answer.body;
  };
  const revoked = await key('revoked');
  await service.rest.request('DELETE', `/api/keys/${revoked.id}`, {
    headers: { authorization: `Bearer ${sue}` },
  });
  credentials[kind] = {
    'a JWT that may write': {
      value: await token('ann'),
      as: identity('north', 'ann', WRITING),
      isKey: false,
    },
    'a JWT that may read': {
      value: await token('ned', { scope: READING.join(' ') }),
      as: identity('north', 'ned', READING),
      isKey: false,
    },
    'an API key': { value: (await key('good')).key, as: identity('south', 'sue', READING), isKey: true },
    'an expired JWT': { value: await token('ann', { exp: inSeconds(-60) }), as: undefined, isKey: false },
    'a JWT of another key': {
      value: await sign({ sub: 'ann' }, { secret: 'x'.repeat(32) }),
      as: undefined,
      isKey: false,
    },
    'a revoked API key': { value: revoked.key, as: undefined, isKey: true },
    nothing: { value: undefined, as: kind === 'open' ? ANONYMOUS : undefined, isKey: false },
  };
}

/** Sees what is counted against limits of requests and messages: calls of failures are of refused credentials only. */
const take = vi.spyOn(RateLimiter.prototype, 'take');
const open: Asker[] = [];
afterEach(() => {
  for (const asker of open.splice(0)) asker.close?.();
});
afterAll(() => take.mockRestore());

type Answer = (Seen & { readonly counted: readonly unknown[] }) | number;

/** Asks everything that this client can ask. @returns the answers, or the status of a refusal */
async function answersOf(
  transport: Transport,
  service: RunningService,
  presented: Presented,
): Promise<Record<string, Answer>> {
  let asker: Asker;
  try {
    asker = await transport(service, presented);
  } catch (error) {
    if (error instanceof Refused) return { opening: error.status };
    throw error;
  }
  open.push(asker);
  const answers: Record<string, Answer> = {};
  for (const [question, ask] of Object.entries(asker.ask)) {
    take.mockClear();
    try {
      const seen = await ask();
      answers[question] = { ...seen, counted: take.mock.calls.map(([key]) => key) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answers[question] = error.status;
    }
  }
  return answers;
}

/** What the caller is entitled to be told: of its identity, as much as this question shows. */
function rightAnswer(question: string, answer: Answer, as: Identity | undefined): unknown {
  if (as === undefined) return 401;
  if (typeof answer === 'number') return { as };
  const { user, tenant } = as;
  const counted = [as === ANONYMOUS ? '127.0.0.1' : `${tenant}/${user}`];
  // What a peer or a foreign API sees is the service, never its caller.
  if (/peer|foreign/.test(question)) return { ...ROBOT, counted };
  const shown = Object.keys(answer).filter((member) => member !== 'counted');
  return { ...Object.fromEntries(shown.map((member) => [member, as[member as keyof Identity]])), counted };
}

const CREDENTIALS = [
  'a JWT that may write',
  'a JWT that may read',
  'an API key',
  'an expired JWT',
  'a JWT of another key',
  'a revoked API key',
] as const;
/** These know nobody without a token. */
const TOKEN_REQUIRED = new Set(['agents']);

describe.each(['open', 'closed'] as const)('who am I, where the service is %s', (kind) => {
  const nobody = (transport: string): Identity | undefined =>
    TOKEN_REQUIRED.has(transport) ? undefined : credentials[kind].nothing!.as;

  async function compare(presented: Presented, as: (transport: string) => Identity | undefined) {
    const told: Record<string, unknown> = {};
    const right: Record<string, unknown> = {};
    for (const [name, transport] of Object.entries(TRANSPORTS)) {
      const answers = await answersOf(transport, services[kind]!, presented);
      expect([name, Object.keys(answers).length]).not.toEqual([name, 0]);
      told[name] = answers;
      right[name] = Object.fromEntries(
        Object.entries(answers).map(([question, answer]) => [
          question,
          rightAnswer(question, answer, as(name)),
        ]),
      );
    }
    expect(told).toEqual(right);
  }

  beforeAll(() =>
    eventually('the far tools are offered', async () => {
      const { value } = credentials[kind]['a JWT that may write']!;
      const client = await McpClient.connect(`${services[kind]!.ws}/mcp?token=${value}`);
      await client.initialize();
      const names = (await client.result('tools/list')).tools.map(({ name }) => name);
      client.terminate();
      return ['far_whoami', 'whoami_there'].every((name) => names.includes(name));
    }),
  );

  it('nobody, who shows nothing', () => compare(NOTHING, nobody));

  describe.each(CREDENTIALS)('%s', (name) => {
    it.each(Object.keys(PLACES) as (keyof typeof PLACES)[])('in %s', async (place) => {
      const { value, as, isKey } = credentials[kind][name]!;
      const presented = PLACES[place](value!);
      // A cookie is no credential, and the header for keys takes no tokens.
      if (place === 'cookie') await compare(presented, nobody);
      else await compare(presented, () => (place === 'X-API-Key' && !isKey ? undefined : as));
    });
  });
});

it('a peer that calls is who the configuration says, whatever the kind of tool', async () => {
  const caller = await RemotePeer.start('calling-endpoint');
  const peer = { tenant: 'south', scopes: ['mcp', 'operations:read'] };
  const service = await RunningService.start(
    {
      ...PUBLIC,
      ...UNLIMITED,
      MCP_PEERS: JSON.stringify([
        { name: 'shop', url: `ws://127.0.0.1:${caller.port}`, role: 'server', ...peer },
      ]),
      MCP_OPENAPI: JSON.stringify([
        {
          document: 'self',
          prefix: 'own_',
          include_operations: ['whoami_endpoint', 'get_operation', 'create_operation'],
        },
      ]),
    },
    [WhoAmIModule],
  );
  try {
    await prepare('closed', service);
    await caller.take(({ tools }) => tools?.includes('own_whoami_endpoint') === true);
    const answer = async (name: string, args: object): Promise<string> => {
      caller.ask({ call: name, arguments: args });
      const { result, error } = await caller.take(({ answered }) => answered === name);
      return error?.message ?? result!.content[0]!.text;
    };
    const told = JSON.parse(await answer('whoami', {})) as Seen;
    expect(told).toMatchObject({ tenant: 'south', scopes: peer.scopes });
    expect(JSON.parse(await answer('own_whoami_endpoint', {}))).toEqual(told);
    expect(await answer('get_operation', { operation_id: OWN })).toContain('"tenant":"south"');
    expect(await answer('own_get_operation', { id: OWN })).toMatch(/"tenant": ?"south"/);
    for (const tool of ['create_operation', 'own_create_operation'])
      expect(await answer(tool, { operation_type: 'x' })).toMatch(/needs the scope|Status code: 403/);
  } finally {
    await service.stop();
    await caller.kill();
  }
});
