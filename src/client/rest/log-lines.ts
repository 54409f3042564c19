import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import { parseJson } from '../json.js';
import type { Level } from '../protocol/log-level.js';
import type { EventOf, HistoryTrimmed } from '../protocol/operation-events.js';

/** What of a log is read as text, and how (docs/protocol.md, "Raw log"). */
export interface LogOptions {
  /** Stay until the operation ends. */
  readonly follow?: boolean;
  /** Start after this event; by default at the beginning. */
  readonly afterSeq?: number;
  /** The least severe level; `debug`, the default, is everything. */
  readonly level?: Level;
  /** What each line begins with: nothing, the time, or the seconds since the operation started. */
  readonly timestamps?: 'none' | 'utc' | 'elapsed';
  /** Keep the colours of lines that have them. */
  readonly ansi?: 'strip' | 'keep';
  /** Stops the loop. */
  readonly signal?: AbortSignal;
}

/** A line of the log as JSON. */
export type LoggedEvent = EventOf<'log'> | Omit<HistoryTrimmed, 'timestamp'>;

/** What reading a log needs of a client. */
interface Requests {
  open(
    method: string,
    path: string,
    call: {
      readonly query: Readonly<Record<string, string | number>>;
      readonly headers: Readonly<Record<string, string>>;
      readonly signal?: AbortSignal;
    },
  ): Promise<Response>;
  getOperation(operationId: string): Promise<unknown>;
}

/** @throws OpstreamClientError */
export async function* readLog(
  requests: Requests,
  operationId: string,
  options: LogOptions,
  accept: string,
): AsyncGenerator<string, void> {
  const { signal } = options;
  try {
    const call = { query: logQuery(options), headers: { accept }, ...(signal && { signal }) };
    const path = `api/operations/${encodeURIComponent(operationId)}/log`;
    const { body } = await requests.open('GET', path, call);
    if (body) yield* linesOf(body);
  } catch (cause) {
    if (signal?.aborted) return;
    if (cause instanceof OpstreamClientError) throw cause;
    // A complete log ends; one that breaks off does not say why.
    await requests.getOperation(operationId);
    const message = `The log of ${operationId} broke off`;
    throw new OpstreamClientError(CLIENT_ERROR.connectionLost, message, undefined, { cause });
  }
}

/** @throws OpstreamClientError */
export async function* readLogEvents(
  requests: Requests,
  operationId: string,
  options: LogOptions,
): AsyncGenerator<LoggedEvent, void> {
  for await (const line of readLog(requests, operationId, options, 'application/x-ndjson'))
    yield parseJson(line) as LoggedEvent;
}

function logQuery(options: LogOptions): Record<string, string | number> {
  const { follow = false, afterSeq = 0, level = 'debug', timestamps = 'none', ansi = 'strip' } = options;
  return { follow: String(follow), after_seq: afterSeq, level, timestamps, ansi };
}

/** The lines of a response's body, until it ends; cancels the response when its reader stops earlier. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop()!;
      yield* lines;
    }
    if (rest !== '') yield rest;
  } finally {
    await reader.cancel().catch(() => {});
  }
}
