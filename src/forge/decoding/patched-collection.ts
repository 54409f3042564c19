import { isRecord, type PatchOperation } from './frame.js';

/** The effect of one patch operation on one entry; `after` is undefined when the entry was removed. */
export interface EntryChange {
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

/**
 * State folded from patches below one root, such as `/tasks`. Forge's patches do not follow RFC 6902 strictly: it
 * removes what it never added, adds what exists and replaces what does not. So every write is an upsert and useless
 * removals are ignored. Paths deeper than root and key do not occur and are ignored.
 */
export class PatchedCollection {
  private entries = new Map<string, unknown>();

  constructor(private readonly root: string) {}

  get values(): ReadonlyMap<string, unknown> {
    return this.entries;
  }

  /** Servers replay everything on a new socket. */
  reset(): void {
    this.entries = new Map();
  }

  /** @returns what changed, in order */
  apply(operations: readonly PatchOperation[]): EntryChange[] {
    return operations.flatMap((operation) => this.applyOne(operation));
  }

  private applyOne({ op, path, value }: PatchOperation): EntryChange[] {
    const [root, key] = path;
    if (root !== this.root || path.length > 2) return [];
    if (key === undefined) return op === 'remove' ? this.replaceAll({}) : this.replaceAll(value);
    const before = this.entries.get(key);
    if (op === 'remove') return this.entries.delete(key) ? [{ key, before, after: undefined }] : [];
    this.entries.set(key, value);
    return [{ key, before, after: value }];
  }

  private replaceAll(value: unknown): EntryChange[] {
    if (!isRecord(value)) return [];
    const before = this.entries;
    this.entries = new Map(Object.entries(value));
    const changes: EntryChange[] = [];
    for (const [key, old] of before) {
      if (!this.entries.has(key)) changes.push({ key, before: old, after: undefined });
    }
    for (const [key, after] of this.entries) changes.push({ key, before: before.get(key), after });
    return changes;
  }
}
