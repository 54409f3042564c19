import { type INestApplicationContext, Logger } from '@nestjs/common';
import type { LogOutput } from '../logging/log-output.js';
import { endProcess } from './end-process.js';

/** A graceful shutdown that takes longer is forced. */
const DEADLINE_MS = 10_000;
/** How long the last log lines may take to be written. */
export const LAST_LINES_MS = 500;

/**
 * Shuts down gracefully on a signal: new callers are refused, sockets are closed with 1001, streams end, and accepted
 * events are stored. Exits with 0, or with 1 past the deadline. Further signals are ignored: a terminal and npm may
 * both pass on the same Ctrl-C.
 * @param starting a start that is interrupted completes before it is stopped
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
      // A supervisor may stop the service as soon as it is ready, or even before.
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
