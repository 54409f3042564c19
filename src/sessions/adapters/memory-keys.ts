import { pythonLength } from '../python-length.js';
import { LIMITS, type MemoryEntry, type MemoryKey } from '../session.js';
import { PAGE_CHARACTERS, type MemoryQuery, type MemoryScope, type MemoryWrite } from '../session-store.js';
import { upTo } from '../up-to.js';
import { decideMemory, tooManyKeys } from '../decide-memory.js';

type Entries = Map<string, MemoryEntry>;

/** Agents' memory in the memory store. */
export class MemoryKeys {
  /** By agent, then by session and key; the last change is the last entry. */
  private readonly agents = new Map<string, Entries>();

  write(write: MemoryWrite): MemoryEntry {
    const { key, at } = write;
    const entries = this.entries(write);
    const present = this.get(write, key, at) ?? undefined;
    const entry = decideMemory(write, present);
    if (!present && living(entries, at).length >= LIMITS.memoryKeys) throw tooManyKeys();
    const place = placeOf(write.sessionId, key);
    entries.delete(place);
    entries.set(place, entry);
    return entry;
  }

  get(scope: MemoryScope, key: string, at: number): MemoryEntry | null {
    const entry = this.entries(scope).get(placeOf(scope.sessionId, key));
    return entry && isLiving(entry, at) ? entry : null;
  }

  list(query: MemoryQuery): readonly MemoryEntry[] {
    return upTo(PAGE_CHARACTERS, this.matching(query), ({ value }) => value.length);
  }

  listKeys(query: MemoryQuery): readonly MemoryKey[] {
    return this.matching(query).map(({ value, metadata: _metadata, ...entry }) => ({
      ...entry,
      size: pythonLength(value),
    }));
  }

  private matching({ tenant, agent, scope, prefix, limit, at }: MemoryQuery): readonly MemoryEntry[] {
    return living(this.entries({ tenant, agent, sessionId: null }), at)
      .filter(
        ({ key, sessionId }) =>
          key.startsWith(prefix) && (scope.kind === 'all' || sessionId === scope.sessionId),
      )
      .toReversed()
      .slice(0, limit);
  }

  remove(scope: MemoryScope, key: string, at: number): boolean {
    const lived = this.get(scope, key, at) !== null;
    this.entries(scope).delete(placeOf(scope.sessionId, key));
    return lived;
  }

  forgetSession(tenant: string, sessionId: string): void {
    for (const [agent, entries] of this.agents) {
      if ((JSON.parse(agent) as string[])[0] !== tenant) continue;
      for (const [place, entry] of entries) if (entry.sessionId === sessionId) entries.delete(place);
    }
  }

  expire(at: number): void {
    for (const entries of this.agents.values()) {
      for (const [place, entry] of entries) if (!isLiving(entry, at)) entries.delete(place);
    }
  }

  private entries({ tenant, agent }: MemoryScope): Entries {
    const key = JSON.stringify([tenant, agent.id, agent.owner]);
    let entries = this.agents.get(key);
    if (!entries) this.agents.set(key, (entries = new Map()));
    return entries;
  }
}

function placeOf(sessionId: string | null, key: string): string {
  return JSON.stringify([sessionId, key]);
}

function isLiving({ expiresAt }: MemoryEntry, at: number): boolean {
  return expiresAt === null || expiresAt > at;
}

function living(entries: Entries, at: number): readonly MemoryEntry[] {
  return [...entries.values()].filter((entry) => isLiving(entry, at));
}
