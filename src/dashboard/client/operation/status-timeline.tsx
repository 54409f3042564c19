import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { EventOf } from '../../../client/protocol/operation-events.js';
import { eventTime, fullTime } from '../format/time.js';
import { formatLines } from '../log/line-links.js';
import { formatRoute } from '../routing/route.js';
import { timeMode } from '../settings/settings.js';
import type { OperationLog } from './operation-log.js';

/** The latest statuses; an operation with more of them is rather a log. */
const SHOWN = 30;

/** The statuses that an operation went through, each a link to its line. */
export function StatusTimeline({ log }: { readonly log: OperationLog }) {
  const statuses = useSignal<readonly EventOf<'status'>[]>([]);
  const hasEarlier = useSignal(false);
  const status = log.snapshot.value?.status;
  const isReady = log.state.value.kind === 'ready';
  useEffect(() => {
    if (!isReady) return undefined;
    let isCurrent = true;
    log.hub
      .searchLog(log.operationId, {
        event_type: 'status',
        before_seq: Number.MAX_SAFE_INTEGER,
        limit: SHOWN,
      })
      .then((page) => {
        if (!isCurrent) return;
        statuses.value = page.events as EventOf<'status'>[];
        hasEarlier.value = page.has_more;
      })
      // The log itself says when it cannot be read.
      .catch(() => {});
    return () => {
      isCurrent = false;
    };
  }, [log, status, isReady]);
  const start = log.snapshot.value?.started_at ?? 0;
  return (
    <ol class="timeline">
      {hasEarlier.value && <li class="muted">earlier ones are in the log</li>}
      {statuses.value.map(({ seq, timestamp, data }, index, all) => (
        <li key={seq}>
          <time class="muted" title={fullTime(timestamp, timeMode.value)}>
            {eventTime(timeMode.value, timestamp, start, all[index - 1]?.timestamp)}
          </time>
          <a
            href={formatRoute('operations', log.operationId, { lines: formatLines({ from: seq, to: seq }) })}
          >
            {data.status}
          </a>
          {data.message && <span class="muted">{data.message}</span>}
        </li>
      ))}
    </ol>
  );
}
