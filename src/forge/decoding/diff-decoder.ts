import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../../operations/json.js';
import { isRecord, type ForgeFrame } from './frame.js';
import { PatchedCollection, type EntryChange } from './patched-collection.js';

/** A file of an attempt has changed. */
export interface DiffUpdate {
  readonly file: string;
  /** `added`, `modified`, `deleted`, `renamed`, `copied`, `permissionChange`, or `reverted`: no longer different. */
  readonly change: string;
  /** What the document's server calls `changes`: its own list, or Forge's one description of the file. */
  readonly changes: JsonValue;
  /** Same for the same content; null where every frame counts (the document's server). */
  readonly fingerprint: string | null;
}

/** Characters of file content that one update carries; what exceeds it is left out and marked, as Forge itself does. */
const MAX_CONTENT = 100_000;

/**
 * Follows the diff of an attempt. Forge replays it on every socket and repeats entries at will, so an update is only
 * what differs from the last one of its file, across sockets too.
 */
export class DiffDecoder {
  private readonly entries = new PatchedCollection('entries');
  private readonly known = new Map<string, string>();

  /** The files that differ now, as Forge sent them. */
  get state(): ReadonlyMap<string, unknown> {
    return this.entries.values;
  }

  reset(): void {
    this.entries.reset();
  }

  /** Takes a file's update as known: it was recorded before this decoder existed. */
  remember(file: string, fingerprint: string): void {
    this.known.set(file, fingerprint);
  }

  accept(frame: ForgeFrame): DiffUpdate[] {
    if (frame.kind === 'patch') {
      return this.entries
        .apply(frame.operations)
        .map(toUpdate)
        .filter((update) => update !== undefined && this.isNews(update)) as DiffUpdate[];
    }
    return frame.kind === 'object' ? documentUpdate(frame.value) : [];
  }

  private isNews({ file, fingerprint }: DiffUpdate): boolean {
    if (fingerprint === null) return true;
    if (this.known.get(file) === fingerprint) return false;
    this.known.set(file, fingerprint);
    return true;
  }
}

function toUpdate({ key, before, after }: EntryChange): DiffUpdate | undefined {
  const content = contentOf(after);
  if (content) {
    const { newPath, oldPath, change } = content;
    const file = typeof newPath === 'string' ? newPath : typeof oldPath === 'string' ? oldPath : key;
    return {
      file,
      change: typeof change === 'string' ? change : 'modified',
      changes: [withinLimit(content)],
      fingerprint: createHash('sha1').update(JSON.stringify(content)).digest('base64url'),
    };
  }
  if (after !== undefined || !contentOf(before)) return undefined;
  return { file: key, change: 'reverted', changes: [{ change: 'reverted' }], fingerprint: 'reverted' };
}

function contentOf(entry: unknown): JsonObject | undefined {
  return isRecord(entry) && entry.type === 'DIFF' && isJsonObject(entry.content) ? entry.content : undefined;
}

function withinLimit(content: JsonObject): JsonObject {
  const length = lengthOf(content.oldContent) + lengthOf(content.newContent);
  return length <= MAX_CONTENT
    ? content
    : { ...content, oldContent: null, newContent: null, contentOmitted: true };
}

function lengthOf(value: JsonValue | undefined): number {
  return typeof value === 'string' ? value.length : 0;
}

/** `{file, changes}`; anything else is no diff. */
function documentUpdate({ file, changes }: Readonly<Record<string, unknown>>): DiffUpdate[] {
  if (typeof file !== 'string') return [];
  const tooLong = (JSON.stringify(changes) ?? '').length > 3 * MAX_CONTENT;
  return [
    {
      file,
      change: 'modified',
      changes: tooLong ? [{ contentOmitted: true }] : ((changes ?? []) as JsonValue),
      fingerprint: null,
    },
  ];
}
