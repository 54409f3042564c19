import { Injectable } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import { parseJson, type JsonObject } from '../../platform/json.js';
import type { Actor } from '../actor.js';
import { AgentTokens } from '../agents/agent-tokens.service.js';
import { MemoryService } from '../memory.service.js';
import { isoOf } from '../session-json.js';
import type { MemoryEntry, MemoryKey } from '../session.js';
import { number, text, textOrNull, type ToolArguments, type ToolHandler } from './tool-handler.js';

/** What the tools about memory do. */
@Injectable()
export class MemoryToolHandlers {
  constructor(
    private readonly memory: MemoryService,
    private readonly tokens: AgentTokens,
  ) {}

  readonly handlers = {
    set_memory: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const ifVersion = args.if_version as number | null;
      const entry = await this.memory.set(actor, {
        key: text(args, 'key'),
        value: args.value,
        sessionId: scopeOf(args),
        expiresIn: args.expires_in,
        metadata: args.metadata,
        overwrite: args.overwrite === true,
        ifVersion: ifVersion ?? undefined,
      });
      return {
        key: entry.key,
        session_scoped: entry.sessionId !== null,
        expires_at: entry.expiresAt,
        scope: scopeName(entry),
        stored_at: isoOf(entry.updatedAt),
        version: entry.version,
      };
    },

    get_memory: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const entry = await this.memory.get(actor, text(args, 'key'), scopeOf(args));
      return { ...memoryView(entry), scope: scopeName(entry) };
    },

    list_memory: async (args, caller) => {
      const actor = await this.actor(args, caller);
      const scope = scopeOf(args);
      const prefix = textOrNull(args, 'prefix') ?? '';
      const entries = await this.memory.keys(actor, { scope, prefix, limit: number(args, 'limit') });
      return { entries: entries.map(listed), count: entries.length, scope_filter: scope ?? 'global' };
    },
  } satisfies Record<string, ToolHandler>;

  private actor(args: ToolArguments, caller: Principal): Promise<Actor> {
    return this.tokens.actor(caller, textOrNull(args, 'auth_token'));
  }
}

export function memoryView(entry: MemoryEntry): JsonObject {
  return {
    key: entry.key,
    value: parseJson(entry.value),
    metadata: entry.metadata,
    created_at: entry.createdAt,
    updated_at: isoOf(entry.updatedAt),
    expires_at: entry.expiresAt,
    version: entry.version,
  };
}

function listed(entry: MemoryKey): JsonObject {
  return {
    key: entry.key,
    scope: scopeName(entry),
    session_id: entry.sessionId,
    created_at: entry.createdAt,
    updated_at: isoOf(entry.updatedAt),
    expires_at: entry.expiresAt,
    value_size: entry.size,
  };
}

/** The text `null` and the empty one are no session. */
function scopeOf(args: ToolArguments): string | null {
  const sessionId = textOrNull(args, 'session_id');
  return sessionId === 'null' || sessionId === '' ? null : sessionId;
}

function scopeName({ sessionId }: Pick<MemoryKey, 'sessionId'>): string {
  return sessionId === null ? 'global' : 'session';
}
