import type { ComponentChildren } from 'preact';
import type { OperationSnapshot } from '../../../client/protocol/operation-events.js';
import { fullTime } from '../format/time.js';
import { formatRoute } from '../routing/route.js';
import { timeMode } from '../settings/settings.js';
import type { OperationLog } from './operation-log.js';
import { StatusTimeline } from './status-timeline.js';
import { JsonTree } from '../ui/json-tree.js';

/** Outcome, times and metadata, beside the log. */
export function Details({
  log,
  snapshot,
}: {
  readonly log: OperationLog;
  readonly snapshot: OperationSnapshot;
}) {
  const { result, error, error_type: errorType, metadata, ended_at: endedAt } = snapshot;
  return (
    <aside class="details" aria-label="Details">
      {error !== undefined && (
        <Part title="Error">
          <p class="error-text">
            <strong>{errorType}</strong> {error}
          </p>
        </Part>
      )}
      {result !== undefined && (
        <Part title="Result">
          <JsonTree value={result} what="Result" />
        </Part>
      )}
      <Part title="Statuses">
        <StatusTimeline log={log} />
      </Part>
      <Part title="About">
        <dl>
          <dt>Id</dt>
          <dd>
            <code>{snapshot.operation_id}</code>
          </dd>
          <dt>Type</dt>
          <dd>{snapshot.operation_type}</dd>
          {snapshot.parent_operation_id !== undefined && (
            <>
              <dt>Part of</dt>
              <dd>
                <a href={formatRoute('operations', snapshot.parent_operation_id)}>
                  {snapshot.parent_operation_id}
                </a>
              </dd>
            </>
          )}
          <dt>Parts</dt>
          <dd>
            <a href={formatRoute('operations', undefined, { parent: snapshot.operation_id })}>
              Operations it has opened
            </a>
          </dd>
          {snapshot.created_by !== undefined && (
            <>
              <dt>Opened by</dt>
              <dd>
                <a href={formatRoute('operations', undefined, { by: snapshot.created_by })}>
                  {snapshot.created_by}
                </a>
              </dd>
            </>
          )}
          {snapshot.cancelled_by !== undefined && (
            <>
              <dt>Cancelled by</dt>
              <dd>{snapshot.cancelled_by}</dd>
            </>
          )}
          <dt>Events</dt>
          <dd>{snapshot.event_count.toLocaleString('en')}</dd>
          <dt>Started</dt>
          <dd>{time(snapshot.started_at)}</dd>
          <dt>Updated</dt>
          <dd>{time(snapshot.updated_at)}</dd>
          {endedAt !== null && (
            <>
              <dt>Ended</dt>
              <dd>{time(endedAt)}</dd>
            </>
          )}
        </dl>
      </Part>
      <Part title="Metadata">
        {Object.keys(metadata).length === 0 ? (
          <p class="muted">None was given.</p>
        ) : (
          <JsonTree value={metadata} what="Metadata" />
        )}
      </Part>
    </aside>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section class="part">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function time(timestamp: number): string {
  return fullTime(timestamp, timeMode.value);
}
