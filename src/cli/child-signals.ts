import { constants } from 'node:os';
import { EXIT } from './exit-codes.js';

const PASSED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
/** Signals that a terminal sends to every foreground program itself. */
const FROM_TERMINAL: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGHUP']);

/**
 * Forwards termination signals to a child and keeps this process alive until it exits. On a terminal the child has
 * already received the keyboard's signals and must not get them twice.
 * @returns stops forwarding
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

/** As shells do: the code itself, or 128 plus the number of the signal. */
export function exitCodeOfChild(code: number | null, signal: NodeJS.Signals | null): number {
  if (signal) return EXIT.signal + constants.signals[signal];
  return code ?? EXIT.failed;
}
