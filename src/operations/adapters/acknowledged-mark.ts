import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/** Key of the newest acknowledged event and, as text, the boot of the machine it was acknowledged in. */
export interface Acknowledged {
  readonly key: number;
  readonly sameBoot: boolean;
}

const KEY_BYTES = 8;
const BOOT_BYTES = 36;

/**
 * Records beside the database which event was acknowledged last, so that the next start can tell whether the database
 * still has it. The mark is written without a sync: it survives the process, like the events it refers to.
 */
export class AcknowledgedMark {
  /** The mark of an earlier process; undefined if there is none. */
  readonly found: Acknowledged | undefined;
  private readonly file: number;
  private readonly buffer = Buffer.alloc(KEY_BYTES);

  constructor(path: string) {
    this.file = openSync(path, 'a+', 0o600);
    closeSync(this.file);
    this.file = openSync(path, 'r+');
    const before = Buffer.alloc(KEY_BYTES + BOOT_BYTES);
    const read = readSync(this.file, before, 0, before.length, 0);
    const boot = bootId();
    if (read === before.length) {
      const key = before.readDoubleLE(0);
      const sameBoot = before.toString('latin1', KEY_BYTES) === boot;
      if (Number.isSafeInteger(key) && key > 0) this.found = { key, sameBoot };
    }
    this.buffer.writeDoubleLE(this.found?.key ?? 0);
    writeSync(this.file, Buffer.concat([this.buffer, Buffer.from(boot, 'latin1')]), 0, undefined, 0);
  }

  /** @param key of the newest event about to be acknowledged */
  write(key: number): void {
    this.buffer.writeDoubleLE(key);
    writeSync(this.file, this.buffer, 0, KEY_BYTES, 0);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** Differs after every boot; where the system does not tell, all boots count as the same. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')
      .trim()
      .padEnd(BOOT_BYTES)
      .slice(0, BOOT_BYTES);
  } catch {
    return 'unknown'.padEnd(BOOT_BYTES);
  }
}
