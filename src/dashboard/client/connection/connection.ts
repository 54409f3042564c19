import { batch, computed, signal } from '@preact/signals';
import { CLIENT_ERROR, type OpstreamClientError } from '../../../client/errors.js';
import { HubClient } from '../../../client/hub/hub-client.js';
import { RestClient } from '../../../client/rest/rest-client.js';
import { readToken, writeToken } from './token-store.js';

/** The one connection of the page. Its pages follow operations on it; it reconnects by itself. */

export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  /** Lost; `retryAt` is in milliseconds, as `Date.now()`. */
  | { readonly kind: 'lost'; readonly attempt: number; readonly retryAt: number }
  /** For good: a token is missing or no longer valid, or the service refuses. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

/** What a reconnect brought, shown for a while. */
export interface Reconnected {
  /** Events that were recorded while the connection was lost, and have been read since. */
  readonly readOn: number;
  /** `Date.now()` */
  readonly at: number;
}

export const state = signal<ConnectionState>({ kind: 'connecting' });
export const reconnected = signal<Reconnected | undefined>(undefined);
/** Grows with every established connection: what is read once per connection depends on it. */
export const connections = signal(0);

/** The service's address, as the page was told by what served it. */
export const serviceUrl: string = new URL(
  document.querySelector<HTMLMetaElement>('meta[name="opstream-root"]')?.content ?? './',
  document.baseURI,
).href.replace(/[?#].*$/, '');

/** The path of the agents protocol, likewise. */
export const agentsPath =
  document.querySelector<HTMLMetaElement>('meta[name="opstream-agents"]')?.content ?? '/agents';

const stored = readToken();
export const token = signal(stored?.token);
export const remembered = signal(stored?.remembered ?? false);

interface Clients {
  readonly hub: HubClient;
  readonly rest: RestClient;
}

export const clients = signal<Clients>(connect());
export const isOpen = computed(() => state.value.kind === 'open');
export const needsToken = computed(
  () => state.value.kind === 'refused' && ['unauthorized', 'forbidden'].includes(state.value.code),
);

/** Connects with another token; undefined for none. */
export function applyToken(next: string | undefined, remember: boolean): void {
  writeToken(next, remember);
  batch(() => {
    token.value = next;
    remembered.value = remember;
  });
  reconnect();
}

/** Starts over, after a refusal or because the reader does not want to wait. */
export function reconnect(): void {
  clients.value.hub.close();
  batch(() => {
    state.value = { kind: 'connecting' };
    clients.value = connect();
  });
}

/** Called by what follows a log once it has read what a lost connection left out. */
export function reportReadOn(events: number): void {
  const now = Date.now();
  const current = reconnected.value;
  // Several logs of one page report the same reconnect.
  const sum = current && now - current.at < 2000 ? current.readOn + events : events;
  reconnected.value = { readOn: sum, at: now };
}

function connect(): Clients {
  const options = { url: serviceUrl, ...(token.value !== undefined && { token: token.value }) };
  const hub = new HubClient({ ...options, reconnect: 'spread' });
  const rest = new RestClient(options);
  const isCurrent = (): boolean => clients.value.hub === hub;
  hub.on('connected', () =>
    batch(() => {
      state.value = { kind: 'open' };
      connections.value += 1;
    }),
  );
  hub.on('disconnected', () => (reconnected.value = undefined));
  hub.on('reconnecting', ({ attempt, delay }) => {
    state.value = { kind: 'lost', attempt, retryAt: Date.now() + delay };
    void refuseIfUnauthorized(hub, rest);
  });
  hub.on('ended', (error: OpstreamClientError) => {
    if (error.code === CLIENT_ERROR.closed || !isCurrent()) return;
    state.value = { kind: 'refused', code: error.code, message: error.message };
  });
  void begin(hub, rest);
  return { hub, rest };
}

async function begin(hub: HubClient, rest: RestClient): Promise<void> {
  // Keeps trying, also when the service is not there yet.
  if (!(await refuseIfUnauthorized(hub, rest))) hub.ping().catch(() => {});
}

/** A browser does not tell why an upgrade was refused; the answer to a request does. */
async function refuseIfUnauthorized(hub: HubClient, rest: RestClient): Promise<boolean> {
  try {
    await rest.getStats();
    return false;
  } catch (thrown) {
    const { code, message } = thrown as OpstreamClientError;
    if (clients.value.hub !== hub || (code !== 'unauthorized' && code !== 'forbidden')) return false;
    hub.close();
    state.value = { kind: 'refused', code, message };
    return true;
  }
}
