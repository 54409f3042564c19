import { EXIT } from './exit-codes.js';
import { output } from './terminal/output.js';

/**
 * Runs a follower until it ends. Ctrl-C, SIGTERM, or a closed output fires its signal and lets it clean up.
 * @returns the exit code: its own, that of an interruption, or 0 when the reader of the output has gone
 */
export async function untilInterrupted(follow: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  let interrupted: number | undefined;
  const onInterrupt = (signal: NodeJS.Signals): void => {
    interrupted = signal === 'SIGINT' ? EXIT.interrupted : EXIT.signal + 15;
    process.exitCode = interrupted;
    controller.abort();
    output.end();
  };
  const onGone = (): void => controller.abort();
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  output.gone.addEventListener('abort', onGone);
  const stopWatching = output.watchReader();
  try {
    if (output.gone.aborted) controller.abort();
    const code = await follow(controller.signal);
    if (interrupted !== undefined) return interrupted;
    if (output.gone.aborted) return output.failure ? EXIT.failed : EXIT.ok;
    return code;
  } finally {
    stopWatching();
    output.gone.removeEventListener('abort', onGone);
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}
