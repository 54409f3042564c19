import type { ServerResponse } from 'node:http';
import type { InFlight } from '../../protocol/in-flight.js';
import type { HttpResponder } from './http-responder.js';

/** The first sign of life: some clients wait five seconds for the header of an answer. */
const FIRST_AFTER_MS = 4000;
/** A response that has been quiet for this long gets a comment, so that proxies keep it open. */
const KEEP_ALIVE_MS = 15_000;

/** Gone readers are noticed: that cancels in 2026-07-28, and waits for a resumption in sessions. */
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
 * Calls whenever nothing was written or taken for a while, at least once a heartbeat.
 * The timeout of the socket itself tells when a response was quiet for long: a list of our own of everything that
 * waits would drag each of its short-lived entries into the old generation of the heap.
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
