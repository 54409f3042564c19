import { AgentsPage } from './agents/agents-page.js';
import { ConnectionBanner, ConnectionStatus } from './connection/connection-status.js';
import { ConnectionPage } from './connection/connection-page.js';
import { needsToken } from './connection/connection.js';
import { EverythingPage } from './everything/everything-page.js';
import { KeyHelp } from './keyboard/key-help.js';
import { useKeys } from './keyboard/keys.js';
import { OperationPage } from './operation/operation-page.js';
import { OperationsPage } from './operations/operations-page.js';
import { formatRoute, type PageName } from './routing/route.js';
import { route } from './routing/router.js';
import { DENSITIES, density, nextOf } from './settings/settings.js';
import { SessionPage } from './sessions/session-page.js';
import { SessionsPage } from './sessions/sessions-page.js';
import { StatisticsPage } from './statistics/statistics-page.js';
import { ToolsPage } from './tools/tools-page.js';
import { WebhooksPage } from './webhooks/webhooks-page.js';
import { Announcer } from './ui/announcer.js';

const LINKS: readonly (readonly [PageName, string])[] = [
  ['operations', 'Operations'],
  ['everything', 'Everything'],
  ['sessions', 'Sessions'],
  ['agents', 'Agents'],
  ['tools', 'MCP tools'],
  ['webhooks', 'Webhooks'],
  ['statistics', 'Statistics'],
  ['connection', 'Connection'],
];

export function App() {
  useKeys({ d: () => (density.value = nextOf(DENSITIES, density.value)) });
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <header class="shell">
        <a class="brand" href={formatRoute('operations')}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M2 4h12M2 8h8M2 12h5" />
            <circle cx="12" cy="12" r="1.6" />
          </svg>
          Opstream
        </a>
        <nav aria-label="Pages">
          {LINKS.map(([page, label]) => (
            <a
              key={page}
              href={formatRoute(page)}
              aria-current={route.value.page === page ? 'page' : undefined}
            >
              {label}
            </a>
          ))}
        </nav>
        <span class="spacer" />
        <ConnectionStatus />
        <KeyHelp />
      </header>
      <ConnectionBanner />
      <main id="main" tabIndex={-1}>
        <CurrentPage />
      </main>
      <Announcer />
    </>
  );
}

/** The address holds the page, so the link cannot be followed as a fragment. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function CurrentPage() {
  const { page, id } = route.value;
  // Without a token there is nothing else to see.
  if (page === 'connection' || needsToken.value) return <ConnectionPage />;
  if (page === 'operations' && id !== undefined) return <OperationPage key={id} operationId={id} />;
  switch (page) {
    case 'everything':
      return <EverythingPage />;
    case 'sessions':
      return id === undefined ? <SessionsPage /> : <SessionPage key={id} sessionId={id} />;
    case 'agents':
      return <AgentsPage />;
    case 'tools':
      return <ToolsPage name={id} />;
    case 'webhooks':
      return <WebhooksPage />;
    case 'statistics':
      return <StatisticsPage />;
    default:
      return <OperationsPage />;
  }
}
