import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { requirePermission, type Actor } from '../actor.js';
import { known } from '../sessions.service.js';
import type { SessionMessage } from '../session.js';
import { SessionStore } from '../session-store.js';
import { rounded, scorer } from './partial-ratio.js';
import { searchText } from './search-text.js';

/** Longer queries cost time with every message and say no more. */
const MAX_QUERY = 1000;
/** Messages that are scored when the index proposes more. */
const MAX_CANDIDATES = 300;
/** Milliseconds of scoring after which others have a turn. */
const SLICE_MS = 8;

export interface SearchInput {
  readonly query: string;
  /** 0 to 100. */
  readonly threshold: number;
  readonly limit: number;
  readonly withMetadata: boolean;
  readonly scope: 'all' | 'public' | 'private';
}

export interface SearchHit {
  readonly message: SessionMessage;
  /** 0 to 100, with two decimals. */
  readonly score: number;
}

export interface SearchResult {
  /** Best first, of equals the newest. */
  readonly hits: readonly SearchHit[];
  /** How many reach the threshold. */
  readonly total: number;
  /** There was nothing to look at. */
  readonly empty: boolean;
}

/** Finds messages that nearly say something, over the whole of a session. */
@Injectable()
export class SearchService {
  constructor(private readonly store: SessionStore) {}

  /** @throws OpstreamError `forbidden`, `session_not_found`, `invalid_input` */
  async search(actor: Actor, sessionId: string, input: SearchInput): Promise<SearchResult> {
    requirePermission(actor, 'read');
    const text = input.query.trim().toLowerCase();
    if (text.length > MAX_QUERY) {
      throw new OpstreamError('invalid_input', `A query has at most ${MAX_QUERY} characters`, {
        field: 'query',
        max_length: MAX_QUERY,
      });
    }
    const candidates = known(
      await this.store.candidates(actor.tenant, sessionId, {
        viewer: actor.viewer,
        visibility: input.scope,
        text,
        limit: MAX_CANDIDATES,
      }),
      sessionId,
    );
    const { messages, none: empty } = candidates;
    if (text === '') return { hits: [], total: 0, empty };
    const hits = await this.score(messages, text, input);
    // Sorting keeps the order of equals, which is newest first.
    hits.sort((a, b) => b.score - a.score);
    return { hits: hits.slice(0, input.limit), total: hits.length, empty };
  }

  private async score(
    messages: readonly SessionMessage[],
    text: string,
    { threshold, withMetadata }: SearchInput,
  ): Promise<SearchHit[]> {
    const hits: SearchHit[] = [];
    const scoreOf = scorer(text, threshold);
    let began = performance.now();
    for (const message of messages) {
      const score = scoreOf(searchText(message, withMetadata));
      if (score >= threshold) hits.push({ message, score: rounded(score) });
      if (performance.now() - began < SLICE_MS) continue;
      await nextTurn();
      began = performance.now();
    }
    return hits;
  }
}
