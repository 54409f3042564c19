import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { piecesOfBytes, piecesOfMessages } from '../entry-data.js';
import type { StreamLimits } from '../quota.js';
import type {
  CreateStream,
  ForkRequest,
  Piece,
  StreamCommand,
  StreamStore,
  Written,
} from '../stream-store.js';
import { offsetAt } from '../streams.service.js';

export interface StreamStoreFixture {
  open(limits: StreamLimits): StreamStore;
  /** Opens what is stored again; the same store where nothing is kept. */
  reopen(): StreamStore;
  dispose(): void;
}

const LIMITS: StreamLimits = {
  maxStreamBytes: 1000,
  maxTenantBytes: 1500,
  maxTotalBytes: 2500,
  maxStreamsPerTenant: 4,
};
const NOW = 1_800_000_000_000;

function creation(path: string, options: Partial<CreateStream> = {}): CreateStream {
  return {
    kind: 'create',
    tenant: 'a',
    path,
    contentType: 'text/plain',
    lifetime: { ttlSeconds: null, expiresAt: null },
    closed: false,
    isPublic: false,
    pieces: [],
    fork: null,
    operationId: null,
    ...options,
  };
}

const appending = (
  path: string,
  text: string,
  options: { close?: boolean; producer?: [string, number, number]; seq?: string; tenant?: string } = {},
): StreamCommand => {
  const [id, epoch, seq] = options.producer ?? [];
  return {
    kind: 'append',
    tenant: options.tenant ?? 'a',
    path,
    append: {
      contentType: 'text/plain',
      length: text.length,
      close: options.close ?? false,
      streamSeq: options.seq ?? null,
      producer: id === undefined ? null : { id, epoch: epoch!, seq: seq! },
    },
    pieces: piecesOfBytes(Buffer.from(text)),
  };
};

const bytes = (size: number): readonly Piece[] => piecesOfBytes(Buffer.alloc(size, 'x'));

/** A request of one producer to the stream `s`. */
const send = (
  outcomeOf: (command: StreamCommand) => Promise<string>,
  epoch: number,
  seq: number,
): Promise<string> => outcomeOf(appending('s', 'x', { producer: ['p', epoch, seq] }));

const forkFrom = (sourcePath: string, offset: string | null = null, subOffset = 0): ForkRequest => ({
  sourcePath,
  offset,
  subOffset,
});

/** What every store must do, whatever its engine. */
export function describeStreamStore(name: string, fixture: StreamStoreFixture): void {
  describe(`stream store: ${name}`, () => {
    let store: StreamStore;

    beforeEach(() => {
      store = fixture.open(LIMITS);
    });
    afterEach(() => fixture.dispose());

    const write = async (command: StreamCommand, now = NOW): Promise<Written> => {
      const [outcome] = await store.write([command], now);
      if (outcome instanceof OpstreamError) throw outcome;
      return outcome!;
    };
    const refusal = (command: StreamCommand, now = NOW): Promise<string> =>
      write(command, now).then(
        ({ outcome }) => outcome,
        (error: OpstreamError) => error.code,
      );
    const text = async (path: string, tenant = 'a'): Promise<string> => {
      const head = (await store.find(tenant, path))!;
      const entries = await store.readAfter(head, 0, 1_000_000);
      return entries.map(({ data }) => data.toString()).join('');
    };

    it('keeps what was appended, in order, across a restart', async () => {
      await write(creation('s', { pieces: piecesOfBytes(Buffer.from('one ')) }));
      await write(appending('s', 'two '));
      const { head } = await write(appending('s', 'three', { close: true }));
      expect(head).toMatchObject({ tail: 13, lastSeq: 3, closed: true, bytes: 13 });
      store = fixture.reopen();
      expect(await text('s')).toBe('one two three');
      expect(await refusal(appending('s', 'four'))).toBe('stream_closed');
    });

    it('confirms a stream that is there as requested, and refuses another configuration', async () => {
      expect(await refusal(creation('s'))).toBe('created');
      expect(await refusal(creation('s', { contentType: 'TEXT/plain; charset=utf-8' }))).toBe('existed');
      expect(await refusal(creation('s', { contentType: 'application/json' }))).toBe('stream_exists');
      expect(await refusal(creation('s', { closed: true }))).toBe('stream_exists');
    });

    it('carries out the commands of a batch one after another, each refusal for itself', async () => {
      const outcomes = await store.write(
        [
          creation('s'),
          appending('none', 'x'),
          appending('s', 'x'),
          { kind: 'remove', tenant: 'a', path: 's' },
        ],
        NOW,
      );
      expect(
        outcomes.map((outcome) => (outcome instanceof OpstreamError ? outcome.code : outcome.outcome)),
      ).toEqual(['created', 'stream_not_found', 'appended', 'removed']);
    });

    it('numbers producers’ requests: repeats count once, gaps and old epochs are refused', async () => {
      await write(creation('s'));
      expect(await send(refusal, 0, 1)).toBe('producer_gap');
      expect(await send(refusal, 0, 0)).toBe('appended');
      expect(await send(refusal, 0, 0)).toBe('duplicate');
      store = fixture.reopen();
      expect(await send(refusal, 0, 1)).toBe('appended');
      expect(await send(refusal, 1, 1)).toBe('invalid_request');
      expect(await send(refusal, 1, 0)).toBe('appended');
      expect(await send(refusal, 0, 2)).toBe('stale_producer');
      expect(await text('s')).toBe('xxx');
    });

    it('orders Stream-Seq by bytes, also across a restart', async () => {
      await write(creation('s'));
      expect(await refusal(appending('s', 'x', { seq: '2' }))).toBe('appended');
      store = fixture.reopen();
      expect(await refusal(appending('s', 'x', { seq: '10' }))).toBe('sequence_conflict');
      expect(await refusal(appending('s', 'x', { seq: 'a' }))).toBe('appended');
    });

    it('removes a stream, and never shows its content at the same path again', async () => {
      const { head } = await write(creation('s', { pieces: piecesOfBytes(Buffer.from('old')) }));
      await write({ kind: 'remove', tenant: 'a', path: 's' });
      expect(await store.find('a', 's')).toBeUndefined();
      const again = await write(creation('s', { pieces: piecesOfBytes(Buffer.from('new')) }));
      expect(again.head.id).not.toBe(head.id);
      await store.expire(NOW, 100);
      expect(await text('s')).toBe('new');
    });

    it('keeps the source of forks until the last of them is gone', async () => {
      const { head } = await write(creation('s', { pieces: piecesOfBytes(Buffer.from('source')) }));
      await write(creation('f', { contentType: null, fork: forkFrom('s') }));
      await write(creation('g', { contentType: null, fork: forkFrom('f', offsetAt(head, 0), 3) }));
      await write({ kind: 'remove', tenant: 'a', path: 's' });
      expect(await refusal(appending('s', 'x'))).toBe('stream_gone');
      expect(await refusal(creation('s'))).toBe('stream_exists');
      await write({ kind: 'remove', tenant: 'a', path: 'f' });
      expect(await text('g')).toBe('sou');
      expect((await store.usage('a')).streams).toBe(3);
      await write({ kind: 'remove', tenant: 'a', path: 'g' });
      expect(await store.usage('a')).toEqual({ streams: 0, bytes: 0 });
      expect(await refusal(creation('s'))).toBe('created');
    });

    it('a fork shows the source up to its offset, then its own', async () => {
      await write(creation('s', { pieces: piecesOfBytes(Buffer.from('abc')) }));
      const { head } = await write(appending('s', 'def'));
      await write(creation('f', { contentType: null, fork: forkFrom('s', offsetAt(head, 3), 1) }));
      await write(appending('s', 'later'));
      await write(appending('f', 'XY'));
      expect(await text('f')).toBe('abcdXY');
      const fork = (await store.find('a', 'f'))!;
      expect(await store.seqAt(fork, 3)).toBe(2);
      expect(await store.seqAt(fork, 4)).toBe(3);
      expect(await store.seqAt(fork, 6)).toBe(4);
      expect(await refusal(creation('h', { fork: forkFrom('s', offsetAt(head, 3), 9) }))).toBe(
        'invalid_request',
      );
    });

    it('counts messages in JSON mode, and forks between them', async () => {
      const json = { contentType: 'application/json' };
      const { head } = await write(
        creation('s', { ...json, pieces: piecesOfMessages(['{"a":1}', '[2,3]', '"4,5"']) }),
      );
      expect(head.tail).toBe(3);
      await write(creation('f', { ...json, fork: forkFrom('s', offsetAt(head, 0), 2) }));
      expect(await text('f')).toBe('{"a":1},[2,3]');
    });

    it('two tenants’ equal paths never meet', async () => {
      await write(creation('s', { pieces: piecesOfBytes(Buffer.from('mine')) }));
      expect(await refusal(appending('s', 'x', { tenant: 'b' }))).toBe('stream_not_found');
      expect(await refusal(creation('f', { tenant: 'b', fork: forkFrom('s') }))).toBe('stream_not_found');
      await write(creation('s', { tenant: 'b', pieces: piecesOfBytes(Buffer.from('theirs')) }));
      expect([await text('s'), await text('s', 'b')]).toEqual(['mine', 'theirs']);
    });

    it('removes streams whose time is over; a write begins a sliding time again', async () => {
      await write(creation('ttl', { lifetime: { ttlSeconds: 10, expiresAt: null } }));
      await write(
        creation('at', { lifetime: { ttlSeconds: null, expiresAt: new Date(NOW + 5000).toISOString() } }),
      );
      await write(appending('ttl', 'x'), NOW + 8000);
      expect((await store.expire(NOW + 12_000, 10)).map(({ path }) => path)).toEqual(['at']);
      expect(await refusal(appending('ttl', 'x'), NOW + 18_000)).toBe('stream_not_found');
      await write(creation('slid', { lifetime: { ttlSeconds: 10, expiresAt: null } }));
      await store.extend(new Map([[(await store.find('a', 'slid'))!.id, NOW + 60_000]]));
      expect(await store.expire(NOW + 50_000, 10)).toEqual([]);
    });

    it('refuses what exceeds a bound of the stream, the tenant, all tenants, or their number', async () => {
      await write(creation('s', { pieces: bytes(900) }));
      expect(await refusal(appending('s', 'x'.repeat(101)))).toBe('quota_exceeded');
      expect(await refusal(appending('s', 'x'.repeat(100)))).toBe('appended');
      expect(await refusal(creation('t', { pieces: bytes(501) }))).toBe('quota_exceeded');
      expect(await store.usage('a')).toEqual({ streams: 1, bytes: 1000 });
      await write(creation('s', { tenant: 'b', pieces: bytes(1000) }));
      expect(await refusal(creation('s', { tenant: 'c', pieces: bytes(501) }))).toBe('quota_exceeded');
      expect(await refusal(creation('s', { tenant: 'c', pieces: bytes(500) }))).toBe('created');
      expect(await refusal(appending('s', 'x', { tenant: 'c' }))).toBe('quota_exceeded');
      await write({ kind: 'remove', tenant: 'b', path: 's' });
      expect(await refusal(appending('s', 'x', { tenant: 'c' }))).toBe('appended');
      for (const path of ['t', 'u', 'v']) await write(creation(path));
      expect(await refusal(creation('w'))).toBe('quota_exceeded');
      expect(await refusal(appending('s', '', { close: true }))).toBe('appended');
    });

    it('reads in parts that end near the size asked for', async () => {
      await write(creation('s', { pieces: piecesOfBytes(Buffer.from('12345')) }));
      await write(appending('s', '67890'));
      await write(appending('s', 'abcde'));
      const head = (await store.find('a', 's'))!;
      const part = await store.readAfter(head, 0, 6);
      expect(part.map(({ seq, isNewest }) => [seq, isNewest])).toEqual([
        [1, false],
        [2, false],
      ]);
      expect((await store.readAfter(head, 2, 6)).map(({ isNewest }) => isNewest)).toEqual([true]);
    });

    it('whatever is appended, in whatever parts, is what is read', async () => {
      const limits = {
        maxStreamBytes: 1e9,
        maxTenantBytes: 1e9,
        maxTotalBytes: 1e9,
        maxStreamsPerTenant: 1e6,
      };
      fixture.dispose();
      store = fixture.open(limits);
      let count = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { maxLength: 12 }),
          fc.nat(),
          async (parts, at) => {
            const path = `p${count++}`;
            await write(creation(path));
            for (const part of parts.filter((each) => each !== '')) {
              const data = Buffer.from(part);
              await write({
                ...appending(path, part),
                pieces: [{ length: data.length, data }],
              } as StreamCommand);
            }
            const whole = Buffer.from(parts.join(''));
            const head = (await store.find('a', path))!;
            const position = at % (whole.length + 1);
            await write(creation(`${path}f`, { fork: forkFrom(path, offsetAt(head, position)) }));
            const fork = (await store.find('a', `${path}f`))!;
            const read = await store.readAfter(fork, 0, 1e9);
            expect(Buffer.concat(read.map(({ data }) => data))).toEqual(whole.subarray(0, position));
          },
        ),
        { numRuns: 60 },
      );
    });
  });
}
