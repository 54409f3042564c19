import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A pipe of the operating system. Node would connect a child by a socket, on which programs fail in other ways: `yes`
 * complains of a reset connection where it ends silently on a pipe.
 */
export interface Pipe {
  /** What the child writes. */
  readonly source: Socket;
  readonly readFd: number;
  /** For the child; to be closed here once it is started. */
  readonly writeFd: number;
}

/** @returns as many pipes, or undefined where they cannot be made (Windows) */
export function openPipes(count: number): Pipe[] | undefined {
  if (process.platform === 'win32') return undefined;
  try {
    return withNamedPipes(count, (paths) =>
      paths.map((path) => {
        // Without a writer a blocking open would wait for one.
        const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
        const writeFd = openSync(path, constants.O_WRONLY);
        return { source: new Socket({ fd: readFd, readable: true, writable: false }), readFd, writeFd };
      }),
    );
  } catch {
    return undefined;
  }
}

/** Makes pipes with names, which last as long as the call. */
export function withNamedPipes<Result>(count: number, use: (paths: readonly string[]) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'opstream-run-'));
  try {
    const paths = Array.from({ length: count }, (_, index) => join(folder, String(index)));
    execFileSync('mkfifo', ['-m', '600', ...paths], { stdio: 'ignore' });
    return use(paths);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function closePipeEnds(pipes: readonly Pipe[]): void {
  for (const { writeFd } of pipes) closeSync(writeFd);
}
