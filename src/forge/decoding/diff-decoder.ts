import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../../platform/json.js';
import { isRecord, type ForgeFrame, type PatchOperation } from './frame.js';

/** A file of an attempt has changed. */
export interface DiffUpdate {
  readonly file: string;
  /** `added`, `modified`, `deleted`, `renamed`, `copied`, `permissionChange`, or `reverted`: no longer different. */
  readonly change: string;
  /** The older API's list of changes, or the description of the file by Forge 0.7.4. */
  readonly changes: JsonValue;
  /** The beginning of the changes as JSON, when contents had to be omitted. */
  readonly beginning?: string;
  /** Equal for equal content; null when every frame counts (older API). */
  readonly fingerprint: string | null;
}

/** Characters of file content per update; the rest is omitted and marked, as Forge itself does. */
const MAX_CONTENT = 100_000;
const BEGINNING_LENGTH = 200;

/**
 * Follows the diff of an attempt. Forge replays it on every socket and repeats entries at will, so an update is only
 * what differs from the last one of its file, across sockets, too. Contents are not kept: a diff may have 200 MB.
 */
export class DiffDecoder {
  /** Keys of the present entries, with their files. */
  private readonly present = new Map<string, string>();
  private readonly known = new Map<string, string>();

  /** The files that currently differ. */
  get files(): string[] {
    return [...this.present.values()];
  }

  /** A new socket sends everything again. */
  reset(): void {
    this.present.clear();
  }

  /** Marks a file's update as known: it was recorded before this decoder existed. */
  remember(file: string, fingerprint: string): void {
    this.known.set(file, fingerprint);
  }

  accept(frame: ForgeFrame): DiffUpdate[] {
    if (frame.kind === 'object') return documentUpdate(frame.value);
    if (frame.kind !== 'patch') return [];
    return frame.operations.flatMap((operation) => this.apply(operation)).filter((one) => this.isNews(one));
  }

  private apply({ op, path: [root, key, ...deeper], value }: PatchOperation): DiffUpdate[] {
    if (root !== 'entries' || key === undefined || deeper.length > 0) return [];
    if (op === 'remove') {
      // Forge removes directories that were never added.
      const file = this.present.get(key);
      return file !== undefined && this.present.delete(key) ? [reverted(file)] : [];
    }
    const update = toUpdate(key, value);
    if (update) this.present.set(key, update.file);
    return update ? [update] : [];
  }

  private isNews({ file, fingerprint }: DiffUpdate): boolean {
    if (fingerprint === null) return true;
    if (this.known.get(file) === fingerprint) return false;
    this.known.set(file, fingerprint);
    return true;
  }
}

function toUpdate(key: string, value: unknown): DiffUpdate | undefined {
  const content = contentOf(value);
  if (!content) return undefined;
  const { newPath, oldPath, change } = content;
  const length = lengthOf(content.oldContent) + lengthOf(content.newContent);
  return {
    file: typeof newPath === 'string' ? newPath : typeof oldPath === 'string' ? oldPath : key,
    change: typeof change === 'string' ? change : 'modified',
    ...(length <= MAX_CONTENT ? { changes: [content] } : withoutContents(content)),
    fingerprint: createHash('sha1').update(JSON.stringify(content)).digest('base64url'),
  };
}

function reverted(file: string): DiffUpdate {
  return { file, change: 'reverted', changes: [{ change: 'reverted' }], fingerprint: 'reverted' };
}

function contentOf(entry: unknown): JsonObject | undefined {
  return isRecord(entry) && entry.type === 'DIFF' && isJsonObject(entry.content) ? entry.content : undefined;
}

function withoutContents(content: JsonObject): Pick<DiffUpdate, 'changes' | 'beginning'> {
  return {
    changes: [{ ...content, oldContent: null, newContent: null, contentOmitted: true }],
    beginning: beginningOf([content]),
  };
}

/** What an event says of changes that it cannot carry completely. */
export function omitted(changes: JsonValue): Pick<DiffUpdate, 'changes' | 'beginning'> {
  return { changes: [{ contentOmitted: true }], beginning: beginningOf(changes) };
}

function beginningOf(changes: JsonValue): string {
  return JSON.stringify(changes).slice(0, BEGINNING_LENGTH);
}

function lengthOf(value: JsonValue | undefined): number {
  return typeof value === 'string' ? value.length : 0;
}

/** `{file, changes}`; anything else is not a diff. */
function documentUpdate({ file, changes }: Readonly<Record<string, unknown>>): DiffUpdate[] {
  if (typeof file !== 'string') return [];
  const known = (changes ?? []) as JsonValue;
  const tooLong = JSON.stringify(known).length > 3 * MAX_CONTENT;
  return [
    { file, change: 'modified', ...(tooLong ? omitted(known) : { changes: known }), fingerprint: null },
  ];
}
