import { OpstreamClientError } from '../errors.js';
import type { JsonValue } from '../json.js';
import { pause } from '../pause.js';
import { isFinalEvent, isOperationEvent } from '../protocol/operation-events.js';
import type { ReconnectPolicy } from '../reconnect-policy.js';
import type { RestClient } from '../rest/rest-client.js';
import { eventsOf } from '../sessions/event-stream.js';

/** The request that is waited for. */
export interface AwaitedInput {
  readonly operationId: string;
  readonly key: string;
  /** Seq of its event. */
  readonly seq: number;
}

/**
 * Follows an operation's log until an input request is closed; restarts of the service and lost connections only delay
 * it.
 * @throws OpstreamClientError `input_declined`, `input_expired`, `input_withdrawn`, `operation_ended`, or why the log
 *   cannot be followed
 */
export async function untilAnswered(
  rest: RestClient,
  { operationId, key, seq }: AwaitedInput,
  policy: ReconnectPolicy,
  signal: AbortSignal,
): Promise<JsonValue> {
  const path = `api/operations/${encodeURIComponent(operationId)}/stream`;
  let last = seq;
  for (let attempt = 0; ;) {
    try {
      const body = await rest.openStream(path, { after_seq: last }, signal);
      for await (const { data } of eventsOf(body)) {
        attempt = 0;
        const event: unknown = data === '' ? undefined : JSON.parse(data);
        if (!isOperationEvent(event) || event.seq <= last) continue;
        last = event.seq;
        if (isFinalEvent(event)) {
          throw new OpstreamClientError(
            'operation_ended',
            `Operation ${operationId} ended (${event.event_type})`,
          );
        }
        const input = event.event_type === 'status' ? event.data.input : undefined;
        if (input?.key !== key || input.request_seq !== seq) continue;
        if (input.state === 'answered') return input.answer ?? null;
        throw new OpstreamClientError(`input_${input.state}`, `The input "${key}" was ${input.state}`);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof OpstreamClientError && !error.retryable) throw error;
      if (attempt >= policy.maxAttempts) throw error;
    }
    attempt += 1;
    await pause(policy.delay(attempt, Math.random()), signal);
    signal.throwIfAborted();
  }
}
