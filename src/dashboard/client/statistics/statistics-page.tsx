import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { ServerStats } from '../../../client/protocol/operation-events.js';
import { clients, serviceUrl } from '../connection/connection.js';
import { Problem } from '../ui/notice.js';
import { Sparkline } from './sparkline.js';

/** A point every two seconds for ten minutes. */
const EVERY_MS = 2000;
const MAX_POINTS = 300;

const SHOWN = [
  ['active_operations', 'Running operations'],
  ['total_operations', 'Stored operations'],
  ['connected_clients', 'Connected clients'],
  ['subscriptions', 'Subscriptions'],
] as const;

/** What the service counts, with its course since the page was opened. */
export function StatisticsPage() {
  const { hub } = clients.value;
  const points = useSignal<readonly ServerStats[]>([]);
  const roundTrip = useSignal<number | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  useEffect(() => {
    document.title = 'Statistics · Opstream';
    let timer: ReturnType<typeof setTimeout> | undefined;
    let closed = false;
    const read = async (): Promise<void> => {
      try {
        if (document.visibilityState === 'visible') {
          const [stats, milliseconds] = await Promise.all([hub.getStats(), hub.ping()]);
          points.value = [...points.value, stats].slice(-MAX_POINTS);
          roundTrip.value = milliseconds;
          problem.value = undefined;
        }
      } catch (thrown) {
        problem.value = (thrown as Error).message;
      }
      if (!closed) timer = setTimeout(() => void read(), EVERY_MS);
    };
    void read();
    return () => {
      closed = true;
      clearTimeout(timer);
    };
  }, [hub]);
  const latest = points.value.at(-1);
  return (
    <div class="page">
      <h1>Statistics</h1>
      {problem.value !== undefined && <Problem message={problem.value} />}
      <div class="tiles">
        {SHOWN.map(([name, label]) => (
          <section class="part" key={name}>
            <h2>{label}</h2>
            <p class="big">{latest === undefined ? '–' : latest[name].toLocaleString('en')}</p>
            <Sparkline values={points.value.map((point) => point[name])} label={label} />
          </section>
        ))}
        <section class="part">
          <h2>Round trip</h2>
          <p class="big">{roundTrip.value === undefined ? '–' : `${roundTrip.value.toFixed(1)} ms`}</p>
          <p class="muted">from this page to the service and back</p>
        </section>
      </div>
      <p class="muted">
        Everything else is at <a href={new URL('metrics', serviceUrl).href}>/metrics</a> for Prometheus.
      </p>
    </div>
  );
}
