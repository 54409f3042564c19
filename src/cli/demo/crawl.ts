import { OpstreamClientError } from '../../client/index.js';
import { demonstrate, type DemoContext } from './demo-work.js';

const PAUSE_MS = 400;
const BETWEEN_ROUNDS_MS = 3000;

export interface CrawlOutcome {
  readonly requests: number;
  readonly failures: number;
}

interface Description {
  readonly paths: Readonly<Record<string, { readonly get?: object }>>;
}

/**
 * Asks the service for everything its description lists, round after round: addresses that answer, some that refuse.
 * @param rounds how often
 */
export function crawl(context: DemoContext, rounds: number): Promise<CrawlOutcome | Error | undefined> {
  const { rest } = context;
  const service = rest.address.displayUrl;
  return demonstrate<CrawlOutcome>(context, 'demo/crawl', { service }, async (job, pause) => {
    const { paths } = await rest.request<Description>('GET', 'api-json');
    const targets = Object.entries(paths)
      // Streams do not end, and the metrics are not JSON.
      .filter(([path, methods]) => methods.get && !/stream|metrics/.test(path))
      .map(([path]) => path.slice(1).replaceAll(/\{[^}]+\}/g, 'demo'));
    job.log('info', `${targets.length} addresses in the description`);
    let requests = 0;
    let failures = 0;
    for (let round = 1; round <= rounds; round++) {
      job.status(`round ${round}`, `of ${rounds}`);
      // What one round finds comes at once.
      for (const target of targets) job.log('debug', `queued /${target}`);
      for (const target of targets) {
        const began = performance.now();
        const failure = await rest.request('GET', target).then(() => undefined, asRefusal);
        const milliseconds = Math.round(performance.now() - began);
        requests += 1;
        if (failure) {
          failures += 1;
          job.log('warning', `/${target}: ${failure.message}`, { code: failure.code, milliseconds });
        } else {
          job.log('info', `/${target} in ${milliseconds} ms`);
        }
        job.progress(requests / (rounds * targets.length), `${requests} requests`);
        await pause(PAUSE_MS);
      }
      if (round < rounds) await pause(BETWEEN_ROUNDS_MS);
    }
    return { requests, failures };
  });
}

/** A refusal is a finding of the crawl; a service that is gone ends it. */
function asRefusal(thrown: unknown): OpstreamClientError {
  if (thrown instanceof OpstreamClientError && thrown.status !== undefined) return thrown;
  throw thrown;
}
