import type { NamedRegistry } from './named-registry.js';
import type { Params } from '../protocol/json-rpc.js';
import { fitResult } from '../protocol/members.js';
import { EncodedResult, encodeResultOf } from '../protocol/result.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { eraOfRevision, type Revision } from '../protocol/versions.js';

/** Entries per page: large enough that nearly every list is one page. */
const PAGE = 200;
/** How long a client of 2026-07-28 may cache a list, in milliseconds; list-changed notifications come earlier. */
const LIST_TTL_MS = 60_000;

/** Maximum cached pages, and their characters; beyond either all are discarded. */
const MAX_PAGES = 1000;
const MAX_CHARACTERS = 16 * 1024 * 1024;

/** Who can see which entries of a list, when not everybody sees all. */
export interface Visibility<Entry> {
  isRestricted(entry: Entry): boolean;
  isVisible(entry: Entry, tenant: string): boolean;
}

/**
 * A list method over a registry. A list is the same for all clients of one revision or, if some entries are limited to
 * tenants, of one tenant. So each page is encoded once and cached until the registry changes.
 */
export class PagedList<Entry> {
  private readonly pages = new Map<string, EncodedResult>();
  private characters = 0;
  /** Whether any entry is limited to tenants; undefined: not determined yet. */
  private restricted: boolean | undefined;

  /** @param field the result's member that holds the entries */
  constructor(
    private readonly method: string,
    private readonly field: string,
    private readonly registry: NamedRegistry<Entry>,
    private readonly view: (entry: Entry, revision: Revision) => unknown,
    private readonly visibility?: Visibility<Entry>,
  ) {
    registry.changes$.subscribe(() => {
      this.pages.clear();
      this.characters = 0;
      this.restricted = undefined;
    });
  }

  /** @throws RpcError `invalidParams` for a cursor that was not given out */
  read({ revision, params, principal }: ListRequest, selection?: Selection<Entry>): EncodedResult {
    const offset = readCursor(params.cursor, this.registry.list().length);
    this.restricted ??= this.registry.list().some((entry) => this.visibility?.isRestricted(entry) ?? false);
    const tenant = this.restricted ? principal.tenant : undefined;
    const key = `${revision}:${offset}:${tenant ?? ''}:${selection?.key ?? ''}`;
    let page = this.pages.get(key);
    if (page) return page;
    page = this.encode(revision, offset, tenant, selection);
    this.characters += page.json.length;
    if (this.pages.size >= MAX_PAGES || this.characters > MAX_CHARACTERS) {
      this.pages.clear();
      this.characters = page.json.length;
    }
    this.pages.set(key, page);
    return page;
  }

  private encode(
    revision: Revision,
    offset: number,
    tenant: string | undefined,
    selection: Selection<Entry> | undefined,
  ): EncodedResult {
    const all = this.registry.list();
    const entries = all.filter(
      (entry) =>
        (tenant === undefined || (this.visibility?.isVisible(entry, tenant) ?? true)) &&
        (selection?.admits(entry) ?? true),
    );
    const end = offset + PAGE;
    const era = eraOfRevision(revision);
    const cacheScope = tenant === undefined && !selection ? 'public' : 'private';
    const page = {
      ...(era === 'modern' && { ttlMs: LIST_TTL_MS, cacheScope }),
      [this.field]: entries.slice(offset, end).map((entry) => this.view(entry, revision)),
      ...(end < entries.length && { nextCursor: String(end) }),
    };
    return new EncodedResult(encodeResultOf(era, fitResult(this.method, page, revision)));
  }
}

/** The part of a list that a connection selected; equal parts have equal keys. */
export interface Selection<Entry> {
  readonly key: string;
  admits(entry: Entry): boolean;
}

interface ListRequest {
  readonly revision: Revision;
  readonly params: Params;
  readonly principal: { readonly tenant: string };
}

function readCursor(cursor: unknown, length: number): number {
  if (cursor === undefined) return 0;
  if (typeof cursor === 'string' && /^\d{1,9}$/.test(cursor) && Number(cursor) <= length)
    return Number(cursor);
  throw new RpcError(RPC.invalidParams, 'The cursor was not issued by this server', {
    code: 'invalid_cursor',
  });
}
