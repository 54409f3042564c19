import { type INestApplicationContext, Logger } from '@nestjs/common';
import type { LogOutput } from '../logging/log-output.js';
import { endProcess } from './end-process.js';

/** An orderly end that takes longer than this is none. */
const DEADLINE_MS = 10_000;
/** How long the last lines of the log may take to be read. */
export const LAST_LINES_MS = 500;

/**
 * Ends the process in order when it is told to: new callers are refused, sockets are closed with 1001 and
 * streams end, what was accepted is stored; then it exits with 0, or with 1 when that takes too long. Further signals
 * change nothing, since a terminal and npm may both pass on the same Ctrl-C.
 * @param starting a start that is interrupted is completed, and then ended
 */
export function stopOnSignal(starting: Promise<INestApplicationContext>, output: LogOutput): void {
  const logger = new Logger('Opstream');
  let stopping = false;
  const end = async (code: number): Promise<never> => {
    await output.flush(LAST_LINES_MS);
    return endProcess(code);
  };
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    logger.log('Shutting down server...');
    setTimeout(() => {
      logger.error('Forced shutdown after timeout');
      void end(1);
    }, DEADLINE_MS - LAST_LINES_MS);
    try {
      // Whoever says that it is ready may be told to stop at once, or even before.
      await (await starting).close();
      logger.log('HTTP server closed');
      await end(0);
    } catch (error) {
      logger.error({ event: 'shutdown_failed', error });
      await end(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());
}
