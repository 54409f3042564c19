import type { NamedRegistry } from './named-registry.js';
import type { RequestContext } from '../session/request-context.js';
import type { Era } from '../protocol/versions.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { EncodedResult, encodeResultOf } from '../protocol/result.js';

/** Entries per page: large enough that nearly every list is one page. */
const PAGE = 200;
/** How long a client of 2026-07-28 may keep a list, in milliseconds; list-changed notifications come earlier. */
const LIST_TTL_MS = 60_000;

/**
 * A list method over a catalogue. Lists are the same for everybody, so each page is encoded once and kept until the
 * catalogue changes.
 */
export class PagedList<Entry> {
  private readonly pages = new Map<string, EncodedResult>();

  /** @param field the result's member that holds the entries */
  constructor(
    private readonly catalogue: NamedRegistry<Entry>,
    private readonly field: string,
    private readonly view: (entry: Entry, era: Era) => unknown,
  ) {
    catalogue.changes$.subscribe(() => this.pages.clear());
  }

  /** @throws RpcError `invalidParams` for a cursor that was not given out */
  read({ era, params }: RequestContext): EncodedResult {
    const offset = readCursor(params.cursor, this.catalogue.list().length);
    const key = `${era}:${offset}`;
    let page = this.pages.get(key);
    if (!page) this.pages.set(key, (page = this.encode(era, offset)));
    return page;
  }

  private encode(era: Era, offset: number): EncodedResult {
    const entries = this.catalogue.list();
    const end = offset + PAGE;
    return new EncodedResult(
      encodeResultOf(era, {
        ...(era === 'modern' && { ttlMs: LIST_TTL_MS, cacheScope: 'public' }),
        [this.field]: entries.slice(offset, end).map((entry) => this.view(entry, era)),
        ...(end < entries.length && { nextCursor: String(end) }),
      }),
    );
  }
}

function readCursor(cursor: unknown, length: number): number {
  if (cursor === undefined) return 0;
  if (typeof cursor === 'string' && /^\d{1,9}$/.test(cursor) && Number(cursor) <= length)
    return Number(cursor);
  throw new RpcError(RPC.invalidParams, 'The cursor is not one this server gave out', {
    code: 'invalid_cursor',
  });
}
