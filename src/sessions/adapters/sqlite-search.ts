import { MAX_LIST, mostShared, trigramsToLookUp } from '../search/rank-by-trigrams.js';
import { searchText, trigrams } from '../search/search-text.js';
import { PAGE_CHARACTERS, type SearchCandidates, type SearchQuery } from '../session-store.js';
import { upTo } from '../up-to.js';
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
/** The newest messages of a session, which tell how common a trigram is there. */
const SAMPLED = 64;

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
        .iterate(parameters);
      const messages = toMessages(scored(rows));
      return { messages, none: messages.length === 0 };
    }
    const wanted = trigrams(text);
    if (wanted.length === 0) {
      const statement = this.containing(visible);
      return {
        messages: toMessages(statement.all({ ...parameters, pattern: likePattern(text), limit })),
        none: false,
      };
    }
    const rows = this.likeliest(session, tenant, wanted, visible, parameters, limit);
    return { messages: toMessages(rows), none: false };
  }

  /** The messages that share most trigrams with the text, newest first. */
  private likeliest(
    session: SessionRow,
    tenant: string,
    wanted: readonly string[],
    visible: string,
    parameters: object,
    limit: number,
  ): readonly MessageRow[] {
    const { low, high } = rangeOf(session);
    const first = low + session.first_seq;
    const size = session.last_seq - session.first_seq + 1;
    const newest = this.selects.prepared(
      'SELECT * FROM session_messages WHERE key BETWEEN @low AND @high ORDER BY key DESC LIMIT @limit',
    );
    const sample = newest
      .all({ low, high, limit: SAMPLED })
      .map((row) => searchText(toMessage(tenant, session.id, row)));
    const hits = this.selects.keys(
      `SELECT rowid - @first FROM session_search WHERE session_search MATCH @text AND rowid BETWEEN @first AND @high ORDER BY rowid DESC LIMIT @limit`,
    );
    const lists = trigramsToLookUp(wanted, sample, size).map((trigram) =>
      hits.all({ first, high, text: quoted(trigram), limit: MAX_LIST }),
    );
    const places = mostShared(lists, size);
    const read = this.selects.prepared(
      `SELECT session_messages.* FROM (SELECT value FROM json_each(@keys)) CROSS JOIN session_messages ON key = value WHERE ${visible}`,
    );
    const rows: MessageRow[] = [];
    // Some of the likeliest may not be for this viewer: then the next are read.
    for (let at = 0; at < places.length && rows.length < limit; at += limit) {
      const keys = places.slice(at, at + limit).map((place) => first + place);
      rows.push(...scored(read.iterate({ ...parameters, keys: JSON.stringify(keys) })));
    }
    return scored(rows)
      .slice(0, limit)
      .sort((a, b) => b.key - a.key);
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

/** As many as may be scored: long messages take long. */
function scored(rows: Iterable<MessageRow>): readonly MessageRow[] {
  return upTo(2 * PAGE_CHARACTERS, rows, ({ content }) => content.length);
}
