import { describe, expect, it } from 'vitest';
import { MemoryApiKeyStore } from '../../src/auth/api-keys/adapters/memory-api-key-store.js';
import { ApiKeys } from '../../src/auth/api-keys/api-keys.js';
import { ConnectionLimit } from '../../src/auth/connection-limit.js';
import { anonymousPrincipal } from '../../src/auth/principal.js';
import { RateLimiter } from '../../src/auth/rate-limiter.js';
import { NamedRegistry } from '../../src/mcp/registry/named-registry.js';
import { PagedList } from '../../src/mcp/registry/paged-list.js';
import { InFlight } from '../../src/mcp/protocol/in-flight.js';
import { ClientProfileCache } from '../../src/mcp/session/client-profile-cache.js';
import { KeptAnswers } from '../../src/mcp/session/kept-answers.js';
import { ReplayBuffer } from '../../src/mcp/session/replay-buffer.js';
import { BodyBudget } from '../../src/rest/body/body-budget.js';
import { AnnouncementLog } from '../../src/sessions/delivery/announcement-log.js';
import { MessageQueue } from '../../src/sessions/message-queue.js';
import type { NewMessage } from '../../src/sessions/session.js';
import type { SessionStore } from '../../src/sessions/session-store.js';
import { AgentRoom } from '../../src/streaming/agents/agent-room.js';
import { SharedReads } from '../../src/streaming/delivery/shared-reads.js';
import type { Topic } from '../../src/streaming/delivery/topic.js';
import type { Connection } from '../../src/streaming/socket/connection.js';
import type { StreamCommand, StreamStore } from '../../src/streams/stream-store.js';
import { WriteQueue } from '../../src/streams/write-queue.js';
import { eventually } from '../harness/eventually.js';
import { JsonSocket } from '../harness/json-socket.js';
import { RunningService } from '../harness/running-service.js';

/** Every table that clients fill has a bound; each is filled to it here, or where it is tested itself. */

describe('tables by user, address or key', () => {
  it('allowances: of 100,001 keys, the one that was used least recently is forgotten', () => {
    const now = 1_000_000;
    const limiter = new RateLimiter(1, 60_000, () => now);
    limiter.take('first');
    expect(limiter.waitFor('first')).toBeGreaterThan(0);
    for (let n = 1; n < 100_000; n++) limiter.take(`key-${n}`);
    expect(limiter.waitFor('first')).toBeGreaterThan(0);
    limiter.take('one too many');
    expect(limiter.waitFor('first')).toBe(0);
    expect(limiter.waitFor('key-1')).toBeGreaterThan(0);
  });

  it('API keys: a thousand for each tenant', async () => {
    const keys = new ApiKeys(new MemoryApiKeyStore());
    const made = (tenant: string, n: number) =>
      keys.create({ name: `${n}`, tenant, userId: 'u', scopes: [] });
    await Promise.all(Array.from({ length: 1000 }, (_, n) => made('a', n)));
    await expect(made('a', 1000)).rejects.toThrow('1000 API keys');
    const { key } = await made('b', 0);
    await keys.revoke('b', key.id);
    await keys.revoke('a', keys.list('a')[0]!.id);
    await made('a', 1001);
  });

  it('connections of a user: as many as are allowed, and nothing is kept of those that have ended', () => {
    const limit = new ConnectionLimit(2);
    const reserve = () => limit.reserve(anonymousPrincipal, '1.2.3.4');
    const [first, second] = [reserve(), reserve()];
    expect(reserve).toThrow('Too Many Connections');
    first();
    reserve()();
    second();
    expect(limit.count(anonymousPrincipal, '1.2.3.4')).toBe(0);
  });

  it('bodies being received: 64 MB for an address, 256 MB in all', () => {
    const MB = 1024 * 1024;
    const bodies = Array.from({ length: 5 }, (_, n) => new BodyBudget(`10.0.0.${n}`));
    for (const body of bodies.slice(0, 4)) {
      body.take(64 * MB);
      expect(() => body.take(1)).toThrow('in progress');
    }
    expect(() => bodies[4]!.take(1)).toThrow('in progress');
    bodies[0]!.release();
    bodies[4]!.take(64 * MB);
    for (const body of bodies) body.release();
  });

  it('agents with a status: 10,000 for a tenant', () => {
    const room = new AgentRoom();
    const connection = () => ({ bufferedBytes: 0, open: true, write: () => {} }) as unknown as Connection;
    const [member, other] = [connection(), connection()];
    room.enter(member);
    room.enter(other);
    for (let n = 0; n < 10_000; n++) room.report(n % 2 ? member : other, n, 'busy');
    expect(() => room.report(member, 'one more', 'busy')).toThrow('10000 agents');
    room.report(member, 5, 'idle');
    room.leave(other);
    room.report(member, 'one more', 'busy');
    expect([...room.statuses()]).toHaveLength(5001);
  });
});

/** A store that does not answer until it fails. */
function stuckStore(): { readonly stuck: Promise<never>; readonly fail: () => void } {
  let fail = (): void => {};
  const stuck = new Promise<never>((_, reject) => (fail = () => reject(new Error('over'))));
  stuck.catch(() => {});
  return { stuck, fail };
}

describe('what waits', () => {
  it('appends to streams: 64 MB, and an end always fits', async () => {
    const { stuck, fail } = stuckStore();
    const queue = new WriteQueue({ write: () => stuck } as unknown as StreamStore, () => {});
    const append = (bytes: number) =>
      queue.submit({ kind: 'append', pieces: [{ data: Buffer.alloc(bytes) }] } as unknown as StreamCommand);
    const waiting = Array.from({ length: 70 }, () =>
      append(1024 * 1024).catch((error: Error) => error.message),
    );
    await expect(append(1024 * 1024)).rejects.toThrow('waiting for the store');
    const end = append(0).catch((error: Error) => error.message);
    fail();
    const outcomes = await Promise.all([...waiting, end]);
    expect(
      outcomes.filter((outcome) => outcome === 'Too many appends are waiting for the store').length,
    ).toBeGreaterThan(3);
    expect(outcomes.at(-1)).not.toContain('waiting');
  });

  it('messages of sessions: 64 MB, metadata and bookkeeping included', async () => {
    const { stuck, fail } = stuckStore();
    const queue = new MessageQueue({ add: () => stuck } as unknown as SessionStore, () => {});
    const add = (content: string) => queue.add({ content, metadata: null } as unknown as NewMessage);
    const content = 'm'.repeat(100_000);
    const waiting = Array.from({ length: 700 }, () => add(content).catch((error: Error) => error.message));
    await expect(add('m')).rejects.toThrow('waiting for the store');
    fail();
    const refused = (await Promise.all(waiting)).filter(
      (outcome) => outcome === 'Too many messages are waiting for the store',
    );
    expect(refused.length).toBeGreaterThan(10);
    // What stands for nothing but itself counts, too.
    const small = Array.from({ length: 135_000 }, () => add('').catch((error: Error) => error.message));
    expect(
      (await Promise.all(small)).filter(
        (outcome) => outcome === 'Too many messages are waiting for the store',
      ).length,
    ).toBeGreaterThan(100);
  });

  it('unanswered requests of MCP: 1024 on a connection', () => {
    const requests = new InFlight();
    const cancellation = { cancel: () => {} } as unknown as Parameters<InFlight['add']>[1];
    for (let id = 0; id < 1024; id++) requests.add(id, cancellation);
    expect(() => requests.add('one more', cancellation)).toThrow('unanswered');
    requests.remove(7);
    requests.add('one more', cancellation);
  });

  it('answers of an MCP session: 8 MB unread, 512 KB that were sent; the newest always', () => {
    const answers = new KeptAnswers();
    const message = 'm'.repeat(1024 * 1024);
    for (let stream = 0; stream < 20; stream++) answers.keep(stream, { number: 1, message });
    expect(answers.characters).toBe(8 * message.length);
    expect([answers.get(11), answers.get(12)?.number]).toEqual([undefined, 1]);
    for (let stream = 12; stream < 20; stream++) answers.markSent(stream);
    expect(answers.characters).toBeLessThanOrEqual(512 * 1024);
    answers.keep(99, { number: 1, message: 'm'.repeat(10 * 1024 * 1024) });
    expect(answers.get(99)).toBeDefined();
  });

  it('reports that an MCP session can replay: 1000, and 512 KB', () => {
    const buffer = new ReplayBuffer();
    for (let number = 0; number < 5000; number++) buffer.keep(1, number, 'm');
    expect(buffer.after(1, -1)).toHaveLength(1000);
    for (let number = 0; number < 100; number++) buffer.keep(2, number, 'm'.repeat(50_000));
    expect(buffer.characters).toBeLessThanOrEqual(512 * 1024);
    expect(buffer.after(2, 98)).toHaveLength(1);
  });

  it('announcements for slow viewers of a session: 2000, and 512 KB', () => {
    const log = new AnnouncementLog();
    const session = { tenant: 't', sessionId: 's' };
    const announce = (text: string) =>
      log.add({ ...session, texts: [text] } as unknown as Parameters<AnnouncementLog['add']>[0]);
    const viewer = { agent: { id: 'a', owner: 'a' }, seesAll: true, open: true };
    const first = () => log.read(session, viewer, 0, { limit: 1, maxBytes: 1 }).first;
    for (let n = 0; n < 2500; n++) announce('m');
    expect(first()).toBe(501);
    for (let n = 0; n < 20; n++) announce('m'.repeat(100_000));
    expect(first()).toBe(2500 + 20 - 5 + 1);
  });
});

it('sockets of the hub and of MCP: as many as a user may have', async () => {
  const service = await RunningService.start({ STORE: 'memory', MAX_SOCKETS_PER_USER: '2' });
  for (const path of ['/hub', '/mcp']) {
    const connect = () => JsonSocket.connect(service.ws + path);
    const first = await connect();
    const second = await connect();
    await expect(connect()).rejects.toMatchObject({ status: 429 });
    first.terminate();
    await eventually('a place', async () => {
      const third = await connect().catch(() => undefined);
      third?.terminate();
      return third !== undefined;
    });
    second.terminate();
  }
  await service.stop();
});

describe('caches', () => {
  it('pages of MCP lists: 1000, and 16 MB', () => {
    const registry = new NamedRegistry<{ readonly name: string }>('tool', ({ name }) => name);
    const encoded: string[] = [];
    const view = ({ name }: { readonly name: string }) => {
      encoded.push(name);
      return { name: name.padEnd(1024 * 1024, '.') };
    };
    registry.add({ name: 'large' });
    const list = new PagedList('tools/list', 'tools', registry, view);
    const read = (key: string) =>
      list.read(
        { revision: '2025-11-25', params: {}, principal: { tenant: 't' } },
        { key, admits: () => true },
      );
    for (let n = 0; n < 15; n++) read(`selection ${n}`);
    read('selection 0');
    expect(encoded).toHaveLength(15);
    read('one more');
    read('selection 0');
    expect(encoded).toHaveLength(17);
  });

  it('profiles of clients: 256, of 8 KB', () => {
    const profiles = new ClientProfileCache();
    const of = (name: string) => profiles.of({ clientInfo: { name, version: '1' }, capabilities: {} });
    const first = of('first');
    for (let n = 1; n < 256; n++) of(`client ${n}`);
    expect(of('first')).toBe(first);
    of('one more');
    expect(of('first')).not.toBe(first);
    expect(() => profiles.of({ capabilities: { x: 'x'.repeat(9000) } })).toThrow('8192 characters');
  });

  it('pages that followers share: 64', async () => {
    let reads = 0;
    const shared = new SharedReads<{ n: number }>(() => (after) => {
      reads += 1;
      return Promise.resolve({ events: [{ n: after + 1 }], first: 1, head: 1_000_000 });
    });
    const topic = {
      tenant: 't',
      id: 'o',
      key: 'k',
      contiguous: true,
      cursorOf: ({ n }) => n,
      isFinal: () => false,
    } satisfies Topic<{ n: number }>;
    const read = shared.reader(topic);
    const bounds = { limit: 1, maxBytes: 1 };
    for (let after = 0; after < 64; after++) await read(after, bounds);
    await read(0, bounds);
    expect(reads).toBe(64);
    await read(64, bounds);
    await read(0, bounds);
    expect(reads).toBe(66);
    shared.clear();
  });
});
