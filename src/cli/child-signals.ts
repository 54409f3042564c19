import { constants } from 'node:os';
import { EXIT } from './exit-codes.js';

const PASSED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
/** What a terminal sends to every program in the foreground by itself. */
const FROM_TERMINAL: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGHUP']);

/**
 * Passes the signals that ask a program to stop on to a child, and keeps this process alive meanwhile. On a terminal
 * the child has had the keyboard's signals already and must not get them twice.
 * @returns ends it
 */
export function passSignals(
  send: (signal: NodeJS.Signals) => void,
  onSignal: (signal: NodeJS.Signals) => void = () => {},
): () => void {
  const listener = (signal: NodeJS.Signals): void => {
    onSignal(signal);
    if (!(process.stdin.isTTY && FROM_TERMINAL.has(signal))) send(signal);
  };
  for (const signal of PASSED) process.on(signal, listener);
  return () => {
    for (const signal of PASSED) process.off(signal, listener);
  };
}

/** As shells count: the code itself, or 128 and the number of the signal. */
export function exitCodeOfChild(code: number | null, signal: NodeJS.Signals | null): number {
  if (signal) return EXIT.signal + constants.signals[signal];
  return code ?? EXIT.failed;
}
