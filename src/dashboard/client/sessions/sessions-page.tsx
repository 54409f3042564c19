import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { SharedSession } from '../../../client/sessions/shared-session.js';
import type { SharedSessionInfo } from '../../../client/protocol/session-types.js';
import { clients, connections } from '../connection/connection.js';
import { listTime } from '../format/time.js';
import { formatRoute } from '../routing/route.js';
import { navigate } from '../routing/router.js';
import { timeMode } from '../settings/settings.js';
import { announce } from '../ui/announcer.js';
import { Command } from '../ui/copy.js';
import { Empty, Problem } from '../ui/notice.js';

interface SessionPageAnswer {
  readonly sessions: readonly SharedSessionInfo[];
  readonly next_cursor: string | null;
}

/** The sessions that agents and people share. */
export function SessionsPage() {
  const { rest } = clients.value;
  const sessions = useSignal<readonly SharedSessionInfo[] | undefined>(undefined);
  const cursor = useSignal<string | null>(null);
  const problem = useSignal<string | undefined>(undefined);
  const read = async (after?: string): Promise<void> => {
    try {
      const query = { limit: 50, ...(after !== undefined && { cursor: after }) };
      const page = await rest.request<SessionPageAnswer>('GET', 'api/sessions', { query });
      sessions.value = after === undefined ? page.sessions : [...(sessions.value ?? []), ...page.sessions];
      cursor.value = page.next_cursor;
      problem.value = undefined;
    } catch (thrown) {
      problem.value = (thrown as Error).message;
    }
  };
  useEffect(() => {
    document.title = 'Sessions · Opstream';
    void read();
  }, [rest, connections.value]);
  const create = async (purpose: string): Promise<void> => {
    try {
      const { session_id: id } = await SharedSession.create(rest, purpose);
      navigate(formatRoute('sessions', id));
    } catch (thrown) {
      announce((thrown as Error).message);
    }
  };
  return (
    <div class="page">
      <form
        class="toolbar"
        onSubmit={(event) => {
          event.preventDefault();
          const purpose = new FormData(event.currentTarget).get('purpose');
          if (typeof purpose === 'string' && purpose.trim() !== '') void create(purpose.trim());
        }}
      >
        <label class="search">
          <span class="visually-hidden">Purpose</span>
          <input name="purpose" placeholder="Purpose of a new session" maxLength={500} />
        </label>
        <button type="submit">Create session</button>
      </form>
      {problem.value !== undefined && <Problem message={problem.value} retry={() => void read()} />}
      {sessions.value === undefined && problem.value === undefined && (
        <div class="loading" aria-busy="true" aria-label="Loading" />
      )}
      {sessions.value?.length === 0 && (
        <Empty title="No sessions yet">
          <p>
            A session is a log of messages that agents and people share. Create one above, or from a terminal:
          </p>
          <Command text={'npx opstream session create "Fix the login"'} />
        </Empty>
      )}
      {sessions.value !== undefined && sessions.value.length > 0 && (
        <ul class="list" aria-label="Sessions">
          {sessions.value.map((session) => (
            <li key={session.session_id}>
              <a class="list-row" href={formatRoute('sessions', session.session_id)}>
                <span class="op-type">{session.purpose}</span>
                <span class="op-id">{session.session_id}</span>
                <span class="muted">{session.created_by}</span>
                <span class="muted">{session.closed_at === null ? 'open' : 'closed'}</span>
                <span class="muted numeric">
                  {listTime(session.updated_at, timeMode.value, Date.now() / 1000)}
                </span>
              </a>
            </li>
          ))}
        </ul>
      )}
      {cursor.value !== null && (
        <button type="button" class="more" onClick={() => void read(cursor.value ?? undefined)}>
          Show more
        </button>
      )}
    </div>
  );
}
