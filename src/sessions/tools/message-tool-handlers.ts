import { Injectable } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { JsonObject } from '../../platform/json.js';
import type { Actor } from '../actor.js';
import { AgentTokens } from '../agents/agent-tokens.service.js';
import { SearchService, type SearchHit } from '../search/search.service.js';
import { isoOf, messageRow, sessionRow } from '../session-json.js';
import { SessionsService } from '../sessions.service.js';
import { parseTime, parseTimeOrSeconds } from './iso-time.js';
import { number, text, textOrNull, type ToolArguments, type ToolHandler } from './tool-handler.js';

/** Messages that `get_session` shows. */
const NEWEST = 50;
const PREVIEW = 150;
const NOTE = 'A trigram index proposes messages, which are scored by partial ratio';

/** What the tools about sessions and messages do. */
@Injectable()
export class MessageToolHandlers {
  constructor(
    private readonly sessions: SessionsService,
    private readonly searching: SearchService,
    private readonly tokens: AgentTokens,
  ) {}

  readonly handlers = {
    create_session: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const session = await this.sessions.create(actor, {
        purpose: text(args, 'purpose'),
        metadata: args.metadata,
      });
      const { sessionId, createdBy, createdAt } = session;
      return { session_id: sessionId, created_by: createdBy, created_at: isoOf(createdAt) };
    },

    get_session: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const sessionId = text(args, 'session_id');
      const session = await this.sessions.get(actor, sessionId);
      const { messages } = await this.sessions.messages(actor, sessionId, { order: 'newest', limit: NEWEST });
      return {
        session: sessionRow(session),
        messages: messages.map(messageRow),
        message_count: messages.length,
      };
    },

    add_message: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const { message } = await this.sessions.add(actor, text(args, 'session_id'), {
        content: text(args, 'content'),
        visibility: text(args, 'visibility'),
        metadata: args.metadata,
        parentId: parentOf(args.parent_message_id),
        messageKey: textOrNull(args, 'message_key'),
      });
      return { message_id: message.id, timestamp: isoOf(message.timestamp) };
    },

    get_messages: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const filter = textOrNull(args, 'visibility_filter');
      const since = textOrNull(args, 'since');
      const offset = number(args, 'offset');
      const { messages, total } = await this.sessions.messages(actor, text(args, 'session_id'), {
        visibility: filter === null || filter === '' ? undefined : filter,
        from: since === null || since === '' ? undefined : parseTimeOrSeconds(since),
        order: 'oldest',
        limit: number(args, 'limit'),
        offset,
      });
      return {
        messages: messages.map(messageRow),
        count: messages.length,
        total_count: total,
        has_more: offset + messages.length < total,
      };
    },

    search_context: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const began = performance.now();
      const query = text(args, 'query');
      const threshold = number(args, 'fuzzy_threshold');
      const scope = args.search_scope as 'all' | 'public' | 'private';
      const { hits, total, empty } = await this.searching.search(actor, text(args, 'session_id'), {
        query,
        threshold,
        limit: number(args, 'limit'),
        withMetadata: args.search_metadata === true,
        scope,
      });
      const took = Math.round((performance.now() - began) * 100) / 100;
      const found = {
        results: hits.map(toResult),
        query,
        message_count: hits.length,
        total,
        search_time_ms: took,
      };
      if (empty) return found;
      return { ...found, threshold, search_scope: scope, performance_note: NOTE, cache_hit: false };
    },

    search_by_sender: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const sender = text(args, 'sender');
      const query = { sender, order: 'newest', limit: number(args, 'limit') } as const;
      const { messages } = await this.sessions.messages(actor, text(args, 'session_id'), query);
      return { messages: messages.map(messageRow), sender, count: messages.length };
    },

    search_by_timerange: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const sessionId = text(args, 'session_id');
      await this.sessions.get(actor, sessionId);
      const [start, end] = [text(args, 'start_time'), text(args, 'end_time')];
      const range = rangeOf(start, end);
      if (!range) return { success: false, error: 'Invalid datetime format', code: 'INVALID_DATETIME' };
      const query = { ...range, order: 'oldest', limit: number(args, 'limit') } as const;
      const { messages } = await this.sessions.messages(actor, sessionId, query);
      return { messages: messages.map(messageRow), timerange: { start, end }, count: messages.length };
    },
  } satisfies Record<string, ToolHandler>;

  private actor(args: ToolArguments, caller: Principal): Promise<Actor> {
    return this.tokens.actor(caller, textOrNull(args, 'auth_token'));
  }
}

/** Undefined for a time that is none. */
function rangeOf(start: string, end: string): { from: number; until: number } | undefined {
  try {
    return { from: parseTime(start), until: parseTime(end) };
  } catch {
    return undefined;
  }
}

/** @throws OpstreamError `invalid_input` for what is no id */
function parentOf(value: unknown): number | null {
  if (value === null || value === undefined || value === 'null') return null;
  const id = typeof value === 'string' && /^\s*\d{1,15}\s*$/.test(value) ? Number(value) : value;
  if (typeof id === 'number' && Number.isSafeInteger(id)) return id;
  throw new OpstreamError('invalid_input', 'parent_message_id must be the id of a message, or null', {
    field: 'parent_message_id',
  });
}

function toResult({ message, score }: SearchHit): JsonObject {
  const { id, sender, content, timestamp, visibility, metadata } = message;
  return {
    message: {
      id,
      sender: sender.id,
      content,
      timestamp,
      visibility,
      metadata: metadata === null ? {} : (JSON.parse(metadata) as JsonObject),
    },
    match_preview: content.length > PREVIEW ? `${content.slice(0, PREVIEW).toWellFormed()}...` : content,
    score,
    relevance: score >= 80 ? 'high' : score >= 60 ? 'medium' : 'low',
  };
}
