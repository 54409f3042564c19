import { concatMap, filter, firstValueFrom, fromEvent, interval, map, merge, of } from 'rxjs';
import type { EventBus } from './event-bus.js';
import { isFinal, type RecordedEvent } from './operation-event.js';
import { isActive, type Operation } from './operation.js';
import type { OperationKey } from './operation-key.js';

/** The bus only wakes: should it miss an end, e.g. between nodes, the store is asked this often, in milliseconds. */
const CHECK_MS = 15_000;

/**
 * Waits for the end of an operation, wherever its work runs.
 * @param find reads it; a failing read is repeated
 * @param signal ends the wait
 * @returns the operation as it is after the wait; null when it was removed
 */
export async function untilEnded(
  { tenant, operationId }: OperationKey,
  find: (key: OperationKey) => Promise<Operation | null>,
  bus: EventBus,
  signal?: AbortSignal,
): Promise<Operation | null> {
  const isOurs = (key: OperationKey) => key.operationId === operationId && key.tenant === tenant;
  const isEnd = (event: RecordedEvent) => isFinal(event.type) && isOurs(event);
  const wakes = merge(
    bus.events$.pipe(filter((events) => events.some(isEnd))),
    bus.removed$.pipe(filter((removed) => removed.some(isOurs))),
    interval(CHECK_MS),
    // It may have ended before anybody listened.
    of(undefined),
    ...(signal ? [fromEvent(signal, 'abort')] : []),
  );
  return firstValueFrom(
    wakes.pipe(
      concatMap(() => find({ tenant, operationId }).catch(() => undefined)),
      filter((found) => found !== undefined || signal?.aborted === true),
      map((found) => found ?? null),
      filter((found) => found === null || !isActive(found) || signal?.aborted === true),
    ),
  );
}
