import type { ServerResponse } from 'node:http';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { restOf } from '../entry-data.js';
import { after } from '../grow.js';
import { decodeOffset, isKnown } from '../offset.js';
import type { DeliveredEntry } from '../stream-topic.js';
import { offsetAt, type StreamsService } from '../streams.service.js';
import { endOf, isJson, type StreamHead } from '../stream.js';
import { nextCursor } from './stream-cursor.js';
import { invalid } from './stream-request.js';
import type { StreamCall } from './stream-writes.js';

/** Bytes of one answer; a reader comes back for the rest. */
const MAX_CHUNK_BYTES = 1024 * 1024;
/** How long a long-poll waits, in milliseconds. */
const LONG_POLL_MS = 20_000;

/** Where a read begins. */
export interface Start {
  readonly head: StreamHead;
  readonly position: number;
  /** Asked for with `now`. */
  readonly isNow: boolean;
}

interface Query {
  readonly offset: string | null;
  readonly live: string | null;
  readonly cursor: string | null;
}

/** `GET` without `live`: what there is. */
export async function catchUp(streams: StreamsService, call: StreamCall, query: Query): Promise<void> {
  const start = await startOf(streams, call, query);
  const { response, request } = call;
  if (start.isNow) {
    answer(response, start.head, {
      entries: [],
      next: start.head.tail,
      headers: { 'Cache-Control': 'no-store' },
    });
    return;
  }
  const part = await read(streams, start);
  const etag = etagOf(start, part.next);
  const headers = { ETag: etag, 'Cache-Control': cacheControl(start.head) };
  if (request.headers['if-none-match']?.split(',').some((given) => given.trim() === etag)) {
    response.writeHead(304, headers).end();
    return;
  }
  answer(response, start.head, { ...part, headers });
}

/** `GET` with `live=long-poll`: what there is, or else what comes within twenty seconds. */
export async function longPoll(streams: StreamsService, call: StreamCall, query: Query): Promise<void> {
  if (query.offset === null) throw invalid('live=long-poll needs an offset');
  let start = await startOf(streams, call, query);
  if (start.position >= start.head.tail && !start.head.closed) {
    await waitForChange(streams, start.head, call.response);
    if (call.response.destroyed) return;
    start = { ...start, head: await streams.find(call.tenant, call.path) };
  }
  const { head, position } = start;
  const cursor = { 'Stream-Cursor': nextCursor(query.cursor) };
  if (position < head.tail) {
    const part = await read(streams, start);
    const headers = { ...cursor, ETag: etagOf(start, part.next), 'Cache-Control': cacheControl(head) };
    answer(call.response, head, { ...part, headers });
    return;
  }
  call.response.writeHead(204, {
    'Stream-Next-Offset': offsetAt(head, head.tail),
    'Stream-Up-To-Date': 'true',
    'Cache-Control': 'no-store',
    ...(head.closed ? { 'Stream-Closed': 'true' } : cursor),
  });
  call.response.end();
}

/** `HEAD` */
export async function describe(
  streams: StreamsService,
  { response, tenant, path }: StreamCall,
): Promise<void> {
  const head = await streams.find(tenant, path);
  const { ttlSeconds, expiresAt } = head.lifetime;
  response.writeHead(200, {
    'Content-Type': head.contentType,
    'Stream-Next-Offset': offsetAt(head, head.tail),
    'Cache-Control': 'no-store',
    ...(ttlSeconds !== null && { 'Stream-TTL': String(ttlSeconds) }),
    ...(expiresAt !== null && { 'Stream-Expires-At': expiresAt }),
    ...(head.closed && { 'Stream-Closed': 'true' }),
  });
  response.end();
}

/**
 * Finds the stream and the place in it, and begins its sliding lifetime again.
 * @throws OpstreamError `stream_not_found`, `stream_gone` also for a place that a restore has taken back,
 *   `invalid_cursor`, `invalid_request`
 */
export async function startOf(
  streams: StreamsService,
  { tenant, path }: StreamCall,
  { offset }: Query,
): Promise<Start> {
  const known = offset === null || offset === '-1' || offset === 'now' ? null : decodeOffset(offset);
  const head = await streams.find(tenant, path);
  streams.touch(head);
  if (known === null) return { head, position: offset === 'now' ? head.tail : 0, isNow: offset === 'now' };
  if (!isKnown(head.generations, known))
    throw new OpstreamError('stream_gone', 'The log was restored or lost data: read from -1');
  if (known.position > head.tail) throw new OpstreamError('invalid_cursor', 'The offset is beyond the end');
  return { head, position: known.position, isNow: false };
}

/** Entries from a position on, the first cut to begin there. */
async function read(
  streams: StreamsService,
  { head, position }: Start,
): Promise<{ readonly entries: readonly DeliveredEntry[]; readonly next: number }> {
  if (position >= head.tail) return { entries: [], next: position };
  const seq = position === 0 ? 1 : await streams.seqAt(head, position);
  const entries = await streams.entriesAfter(head, seq - 1, MAX_CHUNK_BYTES);
  const [first, ...rest] = entries;
  if (!first) return { entries: [], next: position };
  const cut = { ...first, ...after(first, position, restOf(head.contentType)) };
  return { entries: [cut, ...rest], next: endOf(entries.at(-1)!) };
}

interface Answer {
  readonly entries: readonly DeliveredEntry[];
  readonly next: number;
  readonly headers: Readonly<Record<string, string>>;
}

function answer(response: ServerResponse, head: StreamHead, { entries, next, headers }: Answer): void {
  const isComplete = entries.at(-1)?.isNewest ?? next >= head.tail;
  const isClosed = entries.at(-1)?.closes ?? (head.closed && isComplete);
  const body = bodyOf(head.contentType, entries);
  response.writeHead(200, {
    ...headers,
    'Content-Type': head.contentType,
    'Content-Length': body.length,
    'Stream-Next-Offset': entries.at(-1)?.nextOffset ?? offsetAt(head, next),
    ...(isComplete && { 'Stream-Up-To-Date': 'true' }),
    ...(isClosed && { 'Stream-Closed': 'true' }),
  });
  response.end(body);
}

function bodyOf(contentType: string, entries: readonly DeliveredEntry[]): Buffer {
  const parts = entries.filter(({ length }) => length > 0).map(({ data }) => data);
  if (!isJson(contentType)) return Buffer.concat(parts);
  const commas = parts.flatMap((part, index) => (index === 0 ? [part] : [COMMA, part]));
  return Buffer.concat([OPEN, ...commas, CLOSE]);
}

const OPEN = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']');

/** Changes when the stream is closed, so that no cache hides the end (section 10.1). */
function etagOf({ head, position }: Start, next: number): string {
  return `"${head.id}:${offsetAt(head, position)}:${next}${head.closed ? ':c' : ''}"`;
}

function cacheControl({ isPublic }: StreamHead): string {
  return `${isPublic ? 'public' : 'private'}, max-age=60, stale-while-revalidate=300`;
}

/** Resolves at the stream's next change, after the time of a long-poll, or when the reader has gone. */
function waitForChange(streams: StreamsService, head: StreamHead, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop();
      response.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, LONG_POLL_MS);
    const stop = streams.onceChanged(head, done);
    response.once('close', done);
  });
}
