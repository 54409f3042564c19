import type { OperationSnapshot } from '../../../client/protocol/operation-events.js';
import { fullTime, listTime } from '../format/time.js';
import { formatRoute } from '../routing/route.js';
import { timeMode } from '../settings/settings.js';
import { Elapsed } from '../ui/elapsed.js';
import { memo } from '../ui/memo.js';
import { StateBadge, stateOf } from '../ui/state-badge.js';

interface Props {
  readonly snapshot: OperationSnapshot;
  readonly current: boolean;
}

/** One operation of the list; the whole row is a link. */
export const OperationRow = memo(function OperationRow({ snapshot, current }: Props) {
  const { operation_id: id, operation_type: type, progress, started_at: startedAt } = snapshot;
  const latest = snapshot.error ?? snapshot.message;
  const percent = Math.floor(progress * 100);
  return (
    <li id={`op-${id}`} class={current ? 'is-current' : undefined}>
      <a class="op-row" href={formatRoute('operations', id)}>
        <StateBadge snapshot={snapshot} />
        <span class="op-type" title={type}>
          {type}
        </span>
        <span class="op-id" title={id}>
          {id}
        </span>
        <span class="op-latest" title={latest}>
          <Problems snapshot={snapshot} />
          {latest}
        </span>
        <span class="op-progress numeric">
          <span class={`mini-bar is-${stateOf(snapshot)}`} aria-hidden="true">
            <span style={{ width: `${percent}%` }} />
          </span>
          {percent} %
        </span>
        <span class="op-events numeric">{snapshot.event_count.toLocaleString('en')}</span>
        <time class="op-started numeric" title={fullTime(startedAt, timeMode.value)}>
          {listTime(startedAt, timeMode.value, Date.now() / 1000)}
        </time>
        <span class="op-took numeric">
          <Elapsed from={startedAt} seconds={snapshot.duration} />
        </span>
      </a>
    </li>
  );
});

/** What went wrong inside, also where the operation as a whole went well. */
function Problems({ snapshot: { log_counts: counts } }: { readonly snapshot: OperationSnapshot }) {
  if (counts.error === 0 && counts.warning === 0) return null;
  return (
    <>
      {counts.error > 0 && (
        <span class="count is-error" title={`${counts.error} errors in the log`}>
          ✕ {counts.error.toLocaleString('en')}
        </span>
      )}
      {counts.warning > 0 && (
        <span class="count is-warning" title={`${counts.warning} warnings in the log`}>
          ! {counts.warning.toLocaleString('en')}
        </span>
      )}
    </>
  );
}
