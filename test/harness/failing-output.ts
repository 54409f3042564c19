import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Outputs that fail, each in its own way: a full disk, a reader that has gone, one that reads nothing. */
export const FAILING_OUTPUTS = ['full', 'gone', 'unread'] as const;
export type FailingOutputKind = (typeof FAILING_OUTPUTS)[number];

/** A descriptor for a child's standard output whose writes fail (Linux). */
export class FailingOutput {
  private constructor(
    readonly fd: number,
    private readonly close: () => void,
  ) {}

  static open(kind: FailingOutputKind): FailingOutput {
    if (kind === 'full') {
      const fd = openSync('/dev/full', 'w');
      return new FailingOutput(fd, () => closeSync(fd));
    }
    const folder = mkdtempSync(join(tmpdir(), 'opstream-output-'));
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    // Opened for both, since opening a pipe for one end waits for the other.
    const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const fd = openSync(path, constants.O_WRONLY);
    if (kind === 'gone') closeSync(reader);
    else fill(reader);
    return new FailingOutput(fd, () => {
      closeSync(fd);
      if (kind === 'unread') closeSync(reader);
      rmSync(folder, { recursive: true });
    });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Until the pipe takes nothing more. */
function fill(fd: number): void {
  const bytes = Buffer.alloc(4096, '.');
  try {
    for (;;) writeSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}
