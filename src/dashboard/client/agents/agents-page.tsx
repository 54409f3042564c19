import { useEffect, useState } from 'preact/hooks';
import { agentsPath, serviceUrl, token } from '../connection/connection.js';
import { fullTime, listTime } from '../format/time.js';
import { timeMode } from '../settings/settings.js';
import { Command } from '../ui/copy.js';
import { Empty } from '../ui/notice.js';
import { AgentFeed } from './agent-feed.js';

/** What agents report of themselves, live. */
export function AgentsPage() {
  const bearer = token.value;
  const [feed, setFeed] = useState<AgentFeed>();
  useEffect(() => {
    document.title = 'Agents · Opstream';
    if (bearer === undefined) return undefined;
    const opened = new AgentFeed(serviceUrl, agentsPath, bearer);
    setFeed(opened);
    return () => opened.close();
  }, [bearer]);
  if (bearer === undefined) return <NeedsToken />;
  const agents = [...(feed?.agents.value.values() ?? [])].toReversed();
  return (
    <div class="page">
      <h1>Agents</h1>
      <p class="muted list-note" role="status">
        {feed?.connected.value ? `${agents.length} reported since you opened this page` : 'Connecting …'}
      </p>
      {agents.length === 0 ? (
        <Empty title="No agent has reported yet">
          <p>
            A status belongs to the connection that reports it and is not stored. An agent reports with this
            message on the WebSocket <code>{agentsPath}</code>:
          </p>
          <Command text={'{"type":"agent_status","agentId":"a1","status":"busy"}'} />
        </Empty>
      ) : (
        <ul class="list" aria-label="Agents">
          {agents.map(({ agentId, status, at, reports }) => (
            <li key={agentId} class="list-row">
              <span class="op-type">{agentId}</span>
              <span>{status}</span>
              <span class="muted" />
              <span class="muted numeric">{reports}×</span>
              <time class="muted numeric" title={fullTime(at, timeMode.value)}>
                {listTime(at, timeMode.value, Date.now() / 1000)}
              </time>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function NeedsToken() {
  return (
    <Empty title="Agents need a token">
      <p>The agents protocol always wants one, also on loopback. Make a token where the service runs:</p>
      <Command text="npx opstream token --user you" />
      <p>
        Then paste it on the page <a href="#/connection">Connection</a>.
      </p>
    </Empty>
  );
}
