import type { ServerResponse } from 'node:http';
import type { InFlight } from '../../protocol/in-flight.js';
import type { HttpResponder } from './http-responder.js';

/** Time of the first comment: some clients wait five seconds for the header of an answer. */
const FIRST_AFTER_MS = 4000;
/** A response that has been idle this long gets a comment, so that proxies keep it open. */
const KEEP_ALIVE_MS = 15_000;

/** Detects readers that disconnect: that cancels in 2026-07-28, and waits for a resumption in sessions. */
export function waitFor(
  response: ServerResponse,
  responder: HttpResponder,
  inFlight: InFlight | undefined,
  heartbeatMs: number,
): void {
  keepAlive(response, responder, heartbeatMs);
  response.once('close', () => {
    if (response.writableFinished) return;
    responder.gone();
    inFlight?.cancelAll('The caller closed the response stream');
  });
}

/**
 * Calls back whenever nothing was written or taken for a while, at least once per heartbeat. It uses the socket's own
 * timeout to detect idle responses: a list of all of them would promote each short-lived entry to the old generation.
 */
export function keepAlive(
  response: ServerResponse,
  quiet: { keepAlive(): void },
  heartbeatMs = KEEP_ALIVE_MS,
): void {
  response.setTimeout(Math.min(FIRST_AFTER_MS, heartbeatMs), () => {
    response.setTimeout(Math.min(KEEP_ALIVE_MS, heartbeatMs));
    quiet.keepAlive();
  });
}
