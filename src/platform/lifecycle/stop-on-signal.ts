import { type INestApplicationContext, Logger } from '@nestjs/common';

/** An orderly end that takes longer than this is none (S4-68). */
const DEADLINE_MS = 10_000;

/**
 * Ends the process in order when it is told to (S4-67): new callers are refused, sockets are closed with 1001 and
 * streams end, what was accepted is stored; then it exits with 0, or with 1 when that takes too long. Further signals
 * change nothing, since a terminal and npm may both pass on the same Ctrl-C.
 */
export function stopOnSignal(app: INestApplicationContext): void {
  const logger = new Logger('Opstream');
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    logger.log('Shutting down server...');
    setTimeout(() => {
      logger.error('Forced shutdown after timeout');
      process.exit(1);
    }, DEADLINE_MS);
    try {
      await app.close();
      logger.log('HTTP server closed');
      process.exit(0);
    } catch (error) {
      logger.error({ event: 'shutdown_failed', error });
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());
}
