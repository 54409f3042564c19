import { closeSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { StoreHealth } from '../operation-store.js';

/** Space released when the disk is full, so that removals can be written. */
const RESERVE_BYTES = 2 * 1024 * 1024;
/** The reserve is recreated once this much is free. */
const COMFORT_BYTES = 32 * RESERVE_BYTES;

interface Failure {
  readonly error: OpstreamError;
  readonly since: number;
}

/** Knows how the last write went, and whether the file at the path is still the open one. */
export class StoreWatch {
  private failure: Failure | undefined;
  private replaced: Failure | undefined;
  private readonly identity: string | undefined;
  private readonly reserve: string | undefined;

  /** @param path undefined when the database has no file */
  constructor(private readonly path: string | undefined) {
    this.identity = path === undefined ? undefined : fileIdentity(path);
    this.reserve = path === undefined ? undefined : `${path}.reserve`;
    this.makeReserve();
  }

  /** True while nothing can be recorded. */
  get isDown(): boolean {
    return this.failure !== undefined || this.replaced !== undefined;
  }

  health(): StoreHealth {
    const failure = this.replaced ?? this.failure;
    if (!failure) return { status: 'up' };
    const since = new Date(failure.since).toISOString();
    return { status: 'down', detail: `${failure.error.message} (${failure.error.code}, since ${since})` };
  }

  wrote(): void {
    this.failure = undefined;
  }

  failed(error: OpstreamError): void {
    this.failure = { error, since: this.failure?.since ?? Date.now() };
  }

  /** @throws OpstreamError `store_unavailable` when the next start would not find what is written now */
  checkFile(): void {
    if (this.path === undefined) return;
    if (fileIdentity(this.path) === this.identity) {
      this.replaced = undefined;
      return;
    }
    const error = new OpstreamError(
      'store_unavailable',
      'The database file was moved away or replaced while the service runs; restart it',
    );
    this.replaced ??= { error, since: Date.now() };
  }

  /** @throws OpstreamError `store_unavailable` once the file was found replaced */
  refuseReplaced(): void {
    if (this.replaced) throw this.replaced.error;
  }

  /** Releases the reserve. @returns whether there was one */
  releaseReserve(): boolean {
    if (this.reserve === undefined) return false;
    try {
      rmSync(this.reserve);
      return true;
    } catch {
      return false;
    }
  }

  /** Reserves some space for a full disk, as long as there is plenty. */
  makeReserve(): void {
    if (this.reserve === undefined || this.path === undefined) return;
    try {
      if (statSync(this.reserve, { throwIfNoEntry: false })?.size === RESERVE_BYTES) return;
      const { bavail, bsize } = statfsSync(this.path);
      if (bavail * bsize < COMFORT_BYTES) return;
      const file = openSync(this.reserve, 'w', 0o600);
      try {
        writeSync(file, Buffer.alloc(RESERVE_BYTES, 1));
      } finally {
        closeSync(file);
      }
    } catch {
      // Without a reserve, an operator has to make room on a full disk.
      this.releaseReserve();
    }
  }

  close(): void {
    this.releaseReserve();
  }
}

/** Device and inode: a file that was moved away or replaced with `mv` has others. */
function fileIdentity(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `${stat.dev}:${stat.ino}`;
}
