import { Injectable } from '@nestjs/common';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { BridgeClient } from './bridge/bridge-client.service.js';
import { requirePermission, type Actor } from './actor.js';
import { SessionBus, type Announcement } from './session-bus.js';
import { memoryValue, parseMemoryKey, parseMetadata, parseTtl } from './session-draft.js';
import { memoryUpdate, sessionUpdate } from './session-json.js';
import type { MemoryEntry, MemoryKey } from './session.js';
import { SessionStore, type MemoryQuery, type MemoryScope } from './session-store.js';

export interface MemoryInput {
  readonly key: string;
  readonly value: unknown;
  /** Null: global. */
  readonly sessionId: string | null;
  readonly expiresIn?: unknown;
  readonly metadata?: unknown;
  readonly overwrite: boolean;
  readonly ifVersion?: number | undefined;
}

export interface MemoryListing {
  /** `all`, a session's id, or null for global. */
  readonly scope: string | null;
  readonly prefix: string;
  readonly limit: number;
}

/** What agents keep for themselves, in a session or globally. */
@Injectable()
export class MemoryService {
  constructor(
    private readonly store: SessionStore,
    private readonly bus: SessionBus,
    private readonly bridge: BridgeClient,
  ) {}

  /**
   * @throws OpstreamError `forbidden`, `session_not_found`, `key_exists`, `version_conflict`, `too_many_memory_keys`,
   * and what key, value, metadata and time to live may be
   */
  async set(actor: Actor, input: MemoryInput): Promise<MemoryEntry> {
    requirePermission(actor, 'write');
    const key = parseMemoryKey(input.key);
    const ttl = parseTtl(input.expiresIn);
    const at = Date.now() / 1000;
    const entry = await this.store.remember({
      ...scopeOf(actor, input.sessionId),
      key,
      value: memoryValue(input.value),
      metadata: parseMetadata(input.metadata) ?? {},
      expiresAt: ttl === null ? null : at + ttl,
      overwrite: input.overwrite,
      ifVersion: input.ifVersion,
      at,
    });
    if (entry.sessionId !== null) this.announce(actor, entry.sessionId, entry);
    return entry;
  }

  /** @throws OpstreamError `forbidden`, `memory_not_found` */
  async get(actor: Actor, key: string, sessionId: string | null): Promise<MemoryEntry> {
    requirePermission(actor, 'read');
    const entry = await this.store.recall(scopeOf(actor, sessionId), key.trim(), Date.now() / 1000);
    if (entry) return entry;
    throw notFound(key);
  }

  /** Last change first, with values, as far as they go into one page. @throws OpstreamError `forbidden` */
  async list(actor: Actor, listing: MemoryListing): Promise<readonly MemoryEntry[]> {
    requirePermission(actor, 'read');
    return this.store.memories(queryOf(actor, listing));
  }

  /** Last change first, without values. @throws OpstreamError `forbidden` */
  async keys(actor: Actor, listing: MemoryListing): Promise<readonly MemoryKey[]> {
    requirePermission(actor, 'read');
    return this.store.memoryKeys(queryOf(actor, listing));
  }

  /** @throws OpstreamError `forbidden`, `memory_not_found` */
  async remove(actor: Actor, key: string, sessionId: string | null): Promise<void> {
    requirePermission(actor, 'write');
    if (!(await this.store.forget(scopeOf(actor, sessionId), key.trim(), Date.now() / 1000)))
      throw notFound(key);
  }

  /** Notifies those who may read the memory: its agent. */
  private announce({ tenant, agent }: Actor, sessionId: string, entry: MemoryEntry): void {
    const announcement: Announcement = {
      tenant,
      sessionId,
      texts: [sessionUpdate(sessionId, agent.id, entry.updatedAt), memoryUpdate(agent.id, sessionId, entry)],
      visibility: 'own',
      sender: agent,
    };
    this.bus.announce(announcement);
    this.bridge.announcement(announcement);
  }
}

function queryOf({ tenant, agent }: Actor, { scope, prefix, limit }: MemoryListing): MemoryQuery {
  return {
    tenant,
    agent,
    scope: scope === 'all' ? { kind: 'all' } : { kind: 'one', sessionId: scope },
    prefix,
    limit,
    at: Date.now() / 1000,
  };
}

function scopeOf({ tenant, agent }: Actor, sessionId: string | null): MemoryScope {
  return { tenant, agent, sessionId };
}

function notFound(key: string): OpstreamError {
  const shown = key.slice(0, 255);
  return new OpstreamError('memory_not_found', `Memory '${shown}' not found`, {
    resource_type: 'memory',
    resource_id: shown,
  });
}
