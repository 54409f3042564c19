import { trigrams } from '../search/search-text.js';
import type { SearchCandidates, SearchQuery } from '../session-store.js';
import type { Prepared } from './prepared.js';
import type { Selects } from './selects.js';
import {
  rangeOf,
  toMessage,
  VISIBLE,
  viewerParameters,
  type MessageRow,
  type SessionRow,
} from './sqlite-session-rows.js';

/** Messages of a session that are all looked at; in a larger one the index chooses. */
const SCANNED = 1000;
/** Trigrams of a query that are looked up, evenly over its length. */
const MAX_TRIGRAMS = 24;

/** Finds the messages of a session that a text may match. */
export class SqliteSearch {
  constructor(private readonly selects: Selects) {}

  candidates(session: SessionRow, tenant: string, query: SearchQuery): SearchCandidates {
    const { viewer, text, visibility, limit } = query;
    const scope = { all: '1', public: 'visibility = 0', private: 'visibility = 1' }[visibility];
    const visible = `${VISIBLE(viewer)} AND ${scope}`;
    const parameters = { ...rangeOf(session), ...viewerParameters(viewer) };
    const stored = session.last_seq - session.first_seq + 1;
    const toMessages = (rows: readonly MessageRow[]) => rows.map((row) => toMessage(tenant, session.id, row));
    if (stored <= SCANNED) {
      const rows = this.selects
        .prepared(
          `SELECT * FROM session_messages WHERE key BETWEEN @low AND @high AND ${visible} ORDER BY key DESC`,
        )
        .all(parameters);
      return { messages: toMessages(rows), none: rows.length === 0 };
    }
    const wanted = sample(trigrams(text), MAX_TRIGRAMS);
    const rows =
      wanted.length === 0
        ? this.containing(visible).all({ ...parameters, pattern: likePattern(text), limit })
        : this.likeliest(visible, wanted.length).all({
            ...parameters,
            limit,
            ...Object.fromEntries(wanted.map((trigram, index) => [`t${index}`, quoted(trigram)])),
          });
    return { messages: toMessages(rows), none: false };
  }

  /** The messages that share most trigrams with the text. */
  private likeliest(visible: string, count: number): Prepared<[object], MessageRow> {
    const hits = Array.from(
      { length: count },
      (_, index) =>
        `SELECT rowid AS key FROM session_search WHERE session_search MATCH @t${index} AND rowid BETWEEN @low AND @high`,
    ).join(' UNION ALL ');
    const allVisible = visible === '1 AND 1';
    const counted = allVisible
      ? 'SELECT key, count(*) AS shared FROM hits GROUP BY key'
      : `SELECT key, shared FROM (SELECT key, count(*) AS shared FROM hits GROUP BY key) JOIN session_messages USING (key) WHERE ${visible}`;
    return this.selects.prepared(
      `WITH hits AS (${hits}), best AS (${counted} ORDER BY shared DESC, key DESC LIMIT @limit)
       SELECT session_messages.* FROM best JOIN session_messages USING (key) ORDER BY key DESC`,
    );
  }

  /** Texts too short for a trigram are looked for as they are, newest first. */
  private containing(visible: string): Prepared<[object], MessageRow> {
    return this.selects.prepared(
      `SELECT * FROM session_messages WHERE key BETWEEN @low AND @high AND ${visible}
       AND (content LIKE @pattern ESCAPE '\\' OR sender LIKE @pattern ESCAPE '\\' OR metadata LIKE @pattern ESCAPE '\\')
       ORDER BY key DESC LIMIT @limit`,
    );
  }
}

function quoted(trigram: string): string {
  return `"${trigram.replaceAll('"', '""')}"`;
}

function likePattern(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, (wild) => `\\${wild}`)}%`;
}

function sample<Item>(items: readonly Item[], most: number): readonly Item[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, index) => items[Math.floor((index * items.length) / most)]!);
}
