import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * An operating system pipe. Node would use a socket, on which programs fail differently: `yes` reports a connection
 * reset where it exits silently on a pipe.
 */
export interface Pipe {
  /** What the child writes. */
  readonly source: Socket;
  readonly readFd: number;
  /** For the child; close it here once the child has started. */
  readonly writeFd: number;
}

/** @returns this many pipes, or undefined where they cannot be created (Windows) */
export function openPipes(count: number): Pipe[] | undefined {
  if (process.platform === 'win32') return undefined;
  try {
    return withNamedPipes(count, (paths) =>
      paths.map((path) => {
        // A blocking open would wait for a writer.
        const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
        const writeFd = openSync(path, constants.O_WRONLY);
        return { source: new Socket({ fd: readFd, readable: true, writable: false }), readFd, writeFd };
      }),
    );
  } catch {
    return undefined;
  }
}

/** Creates named pipes that exist for the duration of the call. */
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
