import { setTimeout as delay } from 'node:timers/promises';
import { OperationProducer, type RestClient } from '../../client/index.js';

/** What one piece of the demonstration works with. */
export interface DemoContext {
  readonly rest: RestClient;
  /** Fires on Ctrl+C and when the time is up. */
  readonly signal: AbortSignal;
  /** Multiplies every pause: 1 for people, 0 for tests. */
  readonly pace: number;
  readonly say: (text: string) => void;
}

/** A killed demonstration leaves nothing that looks as if it still ran. */
const LEASE_SECONDS = 30;

/**
 * Runs one piece of work and records it as an operation: its outcome as the result, what it throws as the error. Ends
 * early when the demonstration ends, or when somebody cancels the operation.
 * @returns the outcome, or undefined when there is none
 */
export async function demonstrate<Outcome extends object>(
  context: DemoContext,
  type: string,
  metadata: Record<string, string>,
  work: (job: OperationProducer, pause: (milliseconds: number) => Promise<void>) => Promise<Outcome>,
): Promise<Outcome | Error | undefined> {
  const job = new OperationProducer(context.rest, type, {
    leaseSeconds: LEASE_SECONDS,
    metadata: { demo: 'opstream demo', ...metadata },
  });
  job.open();
  context.say(`${type}  ${job.operationId}`);
  const stopped = new AbortController();
  job.on('stopped', () => stopped.abort());
  const signal = AbortSignal.any([context.signal, stopped.signal]);
  const pause = (milliseconds: number): Promise<void> =>
    delay(milliseconds * context.pace, undefined, { signal });
  try {
    const outcome = await work(job, pause);
    await job.result(JSON.parse(JSON.stringify(outcome)));
    return outcome;
  } catch (thrown) {
    if (stopped.signal.aborted) return undefined;
    if (signal.aborted) {
      // Refused when somebody has cancelled it a moment before; otherwise its lease ends it.
      await job.cancelled('The demonstration ended').catch(() => {});
      return undefined;
    }
    const error = thrown as Error;
    await job.error(error.message, error.name);
    return error;
  }
}
