import { signal } from '@preact/signals';
import { isObject, parseJson } from '../../../client/json.js';
import { RECONNECT } from '../../../client/reconnect-policy.js';
import { ServiceAddress } from '../../../client/service-address.js';
import { closeSocket, openSocket, type Socket } from '../../../client/socket.js';

export interface AgentStatus {
  readonly agentId: string;
  readonly status: string;
  /** Unix seconds. */
  readonly at: number;
  /** How often it has reported since the page was opened. */
  readonly reports: number;
}

/** Agents shown at most; those that have been silent longest go first. */
const MAX_AGENTS = 1000;

/** The statuses that agents report, from now on: the service keeps none. */
export class AgentFeed {
  /** By agent, the latest report last. */
  readonly agents = signal<ReadonlyMap<string, AgentStatus>>(new Map());
  readonly connected = signal(false);
  #socket: Socket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #closed = false;

  constructor(
    private readonly url: string,
    private readonly path: string,
    private readonly token: string | undefined,
  ) {
    void this.#open();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#socket) closeSocket(this.#socket);
  }

  async #open(): Promise<void> {
    const { href } = new ServiceAddress(this.url).webSocket(this.path.replace(/^\//, ''));
    const socket = await openSocket(href, { token: this.token });
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#receive(data));
    socket.addEventListener('close', () => this.#lost());
    if (this.#closed) closeSocket(socket);
  }

  #receive(data: unknown): void {
    const message = typeof data === 'string' ? parseJson(data) : undefined;
    if (!isObject(message)) return;
    if (message.type === 'connection_established') {
      this.#attempt = 0;
      this.connected.value = true;
    }
    const { type, agentId, status, timestamp } = message;
    if (type !== 'agent_status_update' || typeof agentId !== 'string') return;
    const agents = new Map(this.agents.value);
    const reports = (agents.get(agentId)?.reports ?? 0) + 1;
    agents.delete(agentId);
    const at = typeof timestamp === 'string' ? Date.parse(timestamp) / 1000 : Date.now() / 1000;
    agents.set(agentId, { agentId, status: textOf(status), at, reports });
    if (agents.size > MAX_AGENTS) agents.delete([...agents.keys()][0]!);
    this.agents.value = agents;
  }

  #lost(): void {
    this.connected.value = false;
    if (this.#closed) return;
    this.#attempt += 1;
    const delay = RECONNECT.spread.delay(this.#attempt, Math.random());
    this.#timer = setTimeout(() => void this.#open(), delay);
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
