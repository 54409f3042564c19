import { EXIT } from './exit-codes.js';

/**
 * Runs something that follows for as long as it takes; Ctrl-C or SIGTERM fires its signal and lets it tidy up.
 * @returns the exit code: its own, or the one of an interruption
 */
export async function untilInterrupted(follow: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  let interrupted: number | undefined;
  const onInterrupt = (signal: NodeJS.Signals): void => {
    interrupted = signal === 'SIGINT' ? EXIT.interrupted : EXIT.signal + 15;
    controller.abort();
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  try {
    const code = await follow(controller.signal);
    return interrupted ?? code;
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}
