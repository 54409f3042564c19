import type { OperationSnapshot } from '../../../client/protocol/operation-events.js';
import { duration, fullTime } from '../format/time.js';
import { rateOf } from '../log/rate.js';
import { timeMode } from '../settings/settings.js';
import { now } from '../ui/clock.js';
import { copyText } from '../ui/copy.js';
import { Elapsed } from '../ui/elapsed.js';
import { StateBadge } from '../ui/state-badge.js';
import { CancelButton } from './cancel-button.js';
import type { OperationLog } from './operation-log.js';

export function OperationHeader({
  log,
  snapshot,
}: {
  readonly log: OperationLog;
  readonly snapshot: OperationSnapshot;
}) {
  const { operation_id: id, operation_type: type, started_at: startedAt, ended_at: endedAt } = snapshot;
  return (
    <header class="operation-header">
      <div class="operation-title">
        <StateBadge snapshot={snapshot} />
        <h1 title={type}>{type}</h1>
        <button type="button" class="id quiet" title="Copy the id" onClick={() => void copyText(id, 'Id')}>
          {id}
        </button>
        <span class="spacer" />
        <span class="operation-times">
          <time>{fullTime(startedAt, timeMode.value)} · </time>
          <Elapsed from={startedAt} seconds={snapshot.duration} />
        </span>
        {endedAt === null && <CancelButton operationId={id} />}
      </div>
      <Progress log={log} snapshot={snapshot} />
    </header>
  );
}

function Progress({ log, snapshot }: { readonly log: OperationLog; readonly snapshot: OperationSnapshot }) {
  const { progress, message, ended_at: endedAt, status, error } = snapshot;
  const percent = Math.floor(progress * 1000) / 10;
  const isKnown = progress > 0 || endedAt !== null;
  const look = endedAt === null ? 'running' : status;
  return (
    <div class={`progress is-${look}`}>
      <div
        class="bar"
        role="progressbar"
        aria-label="Progress"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={isKnown ? percent : undefined}
      >
        <div class="bar-fill" style={{ width: `${percent}%` }} />
      </div>
      <div class="progress-text">
        <strong>{isKnown ? `${percent} %` : 'No progress reported'}</strong>
        {endedAt === null && <TimeLeft log={log} />}
        <span class="progress-message" title={error ?? message}>
          {error ?? message}
        </span>
      </div>
    </div>
  );
}

/** Rate and time left, which fall and rise with the clock as well as with progress. */
function TimeLeft({ log }: { readonly log: OperationLog }) {
  const rate = rateOf(log.samples.value, now.value);
  if (!rate) return null;
  const perMinute = rate.perSecond * 60 * 100;
  const shown = perMinute >= 10 ? perMinute.toFixed(0) : perMinute.toFixed(1);
  return (
    <span class="muted">
      {shown} % per minute · {duration(rate.secondsLeft)} left
    </span>
  );
}
