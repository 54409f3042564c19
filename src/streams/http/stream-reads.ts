import type { ServerResponse } from 'node:http';
import type { DeliveredEntry } from '../stream-topic.js';
import { endOf, isJson } from '../stream.js';
import type { Place, StreamReader, StreamView } from '../stream-reader.js';
import { nextCursor } from './stream-cursor.js';
import { invalid } from './stream-request.js';
import type { ReadCall } from './stream-call.js';

/** Bytes of one answer; a reader comes back for the rest. */
const MAX_CHUNK_BYTES = 1024 * 1024;
/** How long a long-poll waits, in milliseconds. */
const LONG_POLL_MS = 20_000;

/** Where a read begins. */
export interface Start extends Place {
  /** The token of the position. */
  readonly offset: string;
  /** Asked for with `now`. */
  readonly isNow: boolean;
}

export interface ReadQuery {
  readonly offset: string | null;
  readonly live: 'long-poll' | 'sse' | null;
  readonly cursor: string | null;
}

/** `GET` without `live`: what there is. @returns bytes of content */
export async function catchUp(call: ReadCall, query: ReadQuery): Promise<number> {
  const start = await startOf(call.reader, query);
  const { response, request } = call;
  if (start.isNow) {
    return answer(response, start, { entries: [], headers: { 'Cache-Control': 'no-store' } });
  }
  const entries = await read(call.reader, start);
  const etag = etagOf(start, entries);
  const headers = { ETag: etag, 'Cache-Control': cacheControl(start.view) };
  if (request.headers['if-none-match']?.split(',').some((given) => given.trim() === etag)) {
    response.writeHead(304, headers).end();
    return 0;
  }
  return answer(response, start, { entries, headers });
}

/** `GET` with `live=long-poll`: what there is, or else what comes within twenty seconds. @returns bytes of content */
export async function longPoll(call: ReadCall, query: ReadQuery): Promise<number> {
  const { reader, response } = call;
  if (query.offset === null) throw invalid('live=long-poll needs an offset');
  let start = await startOf(reader, query);
  if (start.position >= start.view.tail && !start.view.closed) {
    await changeOf(reader, start, response);
    if (response.destroyed) return 0;
    start = { ...start, view: await reader.view() };
  }
  const { view, position } = start;
  const cursor = { 'Stream-Cursor': nextCursor(query.cursor) };
  if (position < view.tail) {
    const entries = await read(reader, start);
    const headers = { ...cursor, ETag: etagOf(start, entries), 'Cache-Control': cacheControl(view) };
    return answer(response, start, { entries, headers });
  }
  response.writeHead(204, {
    'Stream-Next-Offset': view.tailOffset,
    'Stream-Up-To-Date': 'true',
    'Cache-Control': 'no-store',
    ...(view.closed ? { 'Stream-Closed': 'true' } : cursor),
  });
  response.end();
  return 0;
}

/** `HEAD` */
export async function describe({ reader, response }: ReadCall): Promise<void> {
  const { contentType, lifetime, tailOffset, closed, operationId } = await reader.view();
  const { ttlSeconds, expiresAt } = lifetime;
  response.writeHead(200, {
    'Content-Type': contentType,
    'Stream-Next-Offset': tailOffset,
    'Cache-Control': 'no-store',
    ...(ttlSeconds !== null && { 'Stream-TTL': String(ttlSeconds) }),
    ...(expiresAt !== null && { 'Stream-Expires-At': expiresAt }),
    ...(closed && { 'Stream-Closed': 'true' }),
    ...(operationId !== null && { 'Opstream-Operation': operationId }),
  });
  response.end();
}

/**
 * Finds the stream and the place in it.
 * @throws OpstreamError the refusals of `StreamReader.locate`
 */
export async function startOf(reader: StreamReader, { offset }: Pick<ReadQuery, 'offset'>): Promise<Start> {
  const isNamed = offset === null || offset === '-1' || offset === 'now';
  const { view, position } = await reader.locate(isNamed ? null : offset);
  if (offset === 'now') return { view, position: view.tail, offset: view.tailOffset, isNow: true };
  return { view, position, offset: isNamed ? '-1' : offset, isNow: false };
}

async function read(reader: StreamReader, start: Start): Promise<readonly DeliveredEntry[]> {
  return start.position >= start.view.tail ? [] : reader.entriesFrom(start, MAX_CHUNK_BYTES);
}

interface Answer {
  readonly entries: readonly DeliveredEntry[];
  readonly headers: Readonly<Record<string, string>>;
}

function answer(response: ServerResponse, { view, position }: Start, { entries, headers }: Answer): number {
  const last = entries.at(-1);
  const isComplete = last?.isNewest ?? position >= view.tail;
  const isClosed = last?.closes ?? (view.closed && isComplete);
  const body = bodyOf(view.contentType, entries);
  response.writeHead(200, {
    ...headers,
    'Content-Type': view.contentType,
    'Content-Length': body.length,
    'Stream-Next-Offset': last?.nextOffset ?? view.tailOffset,
    ...(isComplete && { 'Stream-Up-To-Date': 'true' }),
    ...(isClosed && { 'Stream-Closed': 'true' }),
  });
  response.end(body);
  return body.length;
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
function etagOf({ view, position, offset }: Start, entries: readonly DeliveredEntry[]): string {
  const last = entries.at(-1);
  return `"${view.tag}:${offset}:${last ? endOf(last) : position}${view.closed ? ':c' : ''}"`;
}

function cacheControl({ isPublic }: StreamView): string {
  return `${isPublic ? 'public' : 'private'}, max-age=60, stale-while-revalidate=300`;
}

/** Resolves at the stream's next change, after the time of a long-poll, or when the reader has gone. */
function changeOf(reader: StreamReader, { view, position }: Place, response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = (): void => {
      clearTimeout(timer);
      stop();
      response.off('close', wake);
      resolve();
    };
    const timer = setTimeout(wake, LONG_POLL_MS);
    const stop = reader.onceChanged(view, wake);
    response.once('close', wake);
    // What changed before anybody waited for it tells nobody.
    reader.view().then((now) => {
      if (now.closed || now.tail > position) wake();
    }, reject);
  });
}
