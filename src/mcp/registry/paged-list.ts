import type { NamedRegistry } from './named-registry.js';
import type { Params } from '../protocol/json-rpc.js';
import { fitResult } from '../protocol/members.js';
import { EncodedResult, encodeResultOf } from '../protocol/result.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { eraOfRevision, type Revision } from '../protocol/versions.js';

/** Entries per page: large enough that nearly every list is one page. */
const PAGE = 200;
/** How long a client of 2026-07-28 may keep a list, in milliseconds; list-changed notifications come earlier. */
const LIST_TTL_MS = 60_000;

/**
 * A list method over a registry. Lists are the same for everybody who speaks one revision, so each page is encoded once
 * and kept until the registry changes.
 */
export class PagedList<Entry> {
  private readonly pages = new Map<string, EncodedResult>();

  /** @param field the result's member that holds the entries */
  constructor(
    private readonly method: string,
    private readonly field: string,
    private readonly registry: NamedRegistry<Entry>,
    private readonly view: (entry: Entry, revision: Revision) => unknown,
  ) {
    registry.changes$.subscribe(() => this.pages.clear());
  }

  /** @throws RpcError `invalidParams` for a cursor that was not given out */
  read({ revision, params }: { readonly revision: Revision; readonly params: Params }): EncodedResult {
    const offset = readCursor(params.cursor, this.registry.list().length);
    const key = `${revision}:${offset}`;
    let page = this.pages.get(key);
    if (!page) this.pages.set(key, (page = this.encode(revision, offset)));
    return page;
  }

  private encode(revision: Revision, offset: number): EncodedResult {
    const entries = this.registry.list();
    const end = offset + PAGE;
    const era = eraOfRevision(revision);
    const page = {
      ...(era === 'modern' && { ttlMs: LIST_TTL_MS, cacheScope: 'public' }),
      [this.field]: entries.slice(offset, end).map((entry) => this.view(entry, revision)),
      ...(end < entries.length && { nextCursor: String(end) }),
    };
    return new EncodedResult(encodeResultOf(era, fitResult(this.method, page, revision)));
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
