import type { HubClient } from '../client/index.js';
import { findByPrefix } from './operation-id.js';
import { eventLine } from './terminal/event-line.js';
import { operationTable } from './terminal/operation-table.js';
import { printableLine } from './terminal/printable.js';
import type { Style } from './terminal/style.js';
import { statsTable } from './commands/stats.js';

export const HELP = `Commands:
  list                  operations, newest first
  get <id>              one operation
  watch <id>            follow an operation from its beginning (also: subscribe)
  unwatch <id>          stop following it (also: unsubscribe)
  monitor               follow all operations from now on; again to stop
  cancel <id> [reason]  cancel an operation
  stats                 statistics of the service
  help                  this list
  quit                  leave`;

const ALIASES: Readonly<Record<string, string>> = {
  subscribe: 'watch',
  unsubscribe: 'unwatch',
  exit: 'quit',
};

/** Executes the lines of `opstream interactive`. */
export class InteractiveSession {
  /** What is being followed: operation ids, and `*` for all operations. */
  readonly #following = new Map<string, { stop: AbortController; done: Promise<void> }>();

  constructor(
    private readonly hub: HubClient,
    private readonly print: (text: string) => void,
    private readonly style: Style,
  ) {}

  /** @returns false to leave. @throws OpstreamClientError when the service refuses */
  async execute(line: string): Promise<boolean> {
    const [word = '', id, ...rest] = line.trim().split(/\s+/);
    const command = ALIASES[word] ?? word;
    switch (command) {
      case '':
        return true;
      case 'quit':
        return false;
      case 'help':
        this.print(HELP);
        return true;
      case 'stats':
        this.print(statsTable(await this.hub.getStats()).trimEnd());
        return true;
      case 'list': {
        const { operations } = await this.hub.listOperations({ limit: 50 });
        this.print(operationTable(operations, process.stdout).trimEnd());
        return true;
      }
      case 'monitor':
        this.#toggleMonitor();
        return true;
      case 'get':
      case 'watch':
      case 'unwatch':
      case 'cancel':
        if (id === undefined) this.print(`${word} wants the id of an operation`);
        else await this.#withOperation(command, await this.#fullId(id), rest.join(' '));
        return true;
      default:
        this.print(`There is no command ${printableLine(word)}; try help`);
        return true;
    }
  }

  /** Resolves once nothing is followed any longer. */
  async idle(): Promise<void> {
    await Promise.all([...this.#following.values()].map(({ done }) => done));
  }

  close(): void {
    for (const { stop } of this.#following.values()) stop.abort();
  }

  /** Accepts a unique prefix, since screens show short ids. */
  async #fullId(typed: string): Promise<string> {
    if (this.#following.has(typed) || (await this.hub.getOperation(typed))) return typed;
    return (await findByPrefix(this.hub, typed)).operation_id;
  }

  async #withOperation(
    command: 'get' | 'watch' | 'unwatch' | 'cancel',
    id: string,
    rest: string,
  ): Promise<void> {
    switch (command) {
      case 'get': {
        const snapshot = await this.hub.getOperation(id);
        this.print(
          snapshot ? JSON.stringify(snapshot, undefined, 2) : `There is no operation ${printableLine(id)}`,
        );
        return;
      }
      case 'watch':
        return this.#follow(id, `Following ${id}`);
      case 'unwatch':
        this.print(this.#stop(id) ? `No longer following ${id}` : `${id} is not followed`);
        return;
      case 'cancel':
        await this.hub.cancelOperation(id, rest || undefined);
        this.print(`Cancelled ${id}`);
    }
  }

  #toggleMonitor(): void {
    if (this.#stop('*')) this.print('No longer following all operations');
    else this.#follow('*', 'Following all operations');
  }

  #stop(key: string): boolean {
    const following = this.#following.get(key);
    following?.stop.abort();
    return this.#following.delete(key);
  }

  #follow(key: string, announcement: string): void {
    if (this.#following.has(key)) {
      this.print(`${key} is followed already`);
      return;
    }
    this.print(announcement);
    const stop = new AbortController();
    const done = this.#printEvents(key, stop.signal).finally(() => {
      if (this.#following.get(key)?.stop === stop) this.#following.delete(key);
    });
    this.#following.set(key, { stop, done });
  }

  async #printEvents(key: string, signal: AbortSignal): Promise<void> {
    const events =
      key === '*' ? this.hub.followAll({ signal }) : this.hub.follow(key, { afterSeq: 0, signal });
    try {
      for await (const event of events) {
        this.print(`${this.style('dim', event.operation_id.slice(0, 8))}  ${eventLine(event, this.style)}`);
      }
    } catch (error) {
      this.print(error instanceof Error ? error.message : String(error));
    }
  }
}
