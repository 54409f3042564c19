import { useEffect, useState } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { clients, connections } from '../connection/connection.js';
import { useKeys } from '../keyboard/keys.js';
import { navigate, route } from '../routing/router.js';
import { formatRoute } from '../routing/route.js';
import { Command } from '../ui/copy.js';
import { Empty, Problem } from '../ui/notice.js';
import { FilterBar } from './filter-bar.js';
import { filterOf, isNarrowed } from './list-filter.js';
import { OperationRow } from './operation-row.js';
import { OperationsFeed } from './operations-feed.js';

/** All operations, newest first, narrowed by the filters in the address. */
export function OperationsPage() {
  const { hub } = clients.value;
  const filter = filterOf(route.value.query);
  const filterText = JSON.stringify(filter);
  const [feed, setFeed] = useState<OperationsFeed>();
  const current = useSignal<string | undefined>(undefined);
  // A reconnect reads everything again.
  const connection = connections.value;
  useEffect(() => {
    const opened = new OperationsFeed(hub, filter);
    setFeed(opened);
    return () => opened.close();
  }, [hub, filterText, connection]);
  useEffect(() => {
    document.title = 'Operations · Opstream';
  }, []);

  const operations = feed?.operations.value;
  const step = (by: number): void => {
    if (!operations || operations.length === 0) return;
    const at = operations.findIndex(({ operation_id: id }) => id === current.value);
    const next = operations[Math.max(0, Math.min(operations.length - 1, at === -1 ? 0 : at + by))]!;
    current.value = next.operation_id;
    document.getElementById(`op-${next.operation_id}`)?.scrollIntoView({ block: 'nearest' });
  };
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    g: () => step(-Infinity),
    G: () => step(Infinity),
    Enter: () => current.value !== undefined && navigate(formatRoute('operations', current.value)),
  });

  return (
    <div class="page operations">
      <FilterBar
        shown={operations?.length}
        hasMore={feed?.hasMore.value ?? false}
        counts={feed?.counts.value}
      />
      {feed?.problem.value !== undefined && <Problem message={feed.problem.value} />}
      {operations === undefined ? (
        <div class="loading" aria-busy="true" aria-label="Loading" />
      ) : operations.length === 0 ? (
        isNarrowed(filter) ? (
          <NothingMatches />
        ) : (
          <NothingYet />
        )
      ) : (
        <>
          <div class="op-head" aria-hidden="true">
            <span>State</span>
            <span>Type</span>
            <span>Id</span>
            <span>Latest</span>
            <span class="numeric">Progress</span>
            <span class="numeric">Events</span>
            <span class="numeric">Started</span>
            <span class="numeric">Took</span>
          </div>
          <ul class="op-list" aria-label="Operations">
            {operations.map((one) => (
              <OperationRow
                key={one.operation_id}
                snapshot={one}
                current={one.operation_id === current.value}
              />
            ))}
          </ul>
          {feed?.hasMore.value && (
            <button type="button" class="more" onClick={() => feed.more()}>
              Show more
            </button>
          )}
        </>
      )}
    </div>
  );
}

function NothingMatches() {
  return (
    <Empty title="No operation matches">
      <p>
        <a href="#/operations">Show all operations</a>
      </p>
    </Empty>
  );
}

function NothingYet() {
  return (
    <Empty title="No operations yet">
      <p>Record the output of any command, and watch it here while it runs:</p>
      <Command text="npx opstream run -- npm run build" />
      <p>Or let the demo fill this page with running work:</p>
      <Command text="npx opstream demo" />
      <p class="muted">Programs record operations over REST, WebSocket, MCP and the SDK, too.</p>
    </Empty>
  );
}
