import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { sign } from '../harness/tokens.js';
import type { Target } from './producers.js';

/** An event as every JSON face shows it. */
export interface SeenEvent {
  readonly event_type: string;
  readonly operation_id: string;
  readonly seq: number;
  readonly position: string;
  readonly timestamp: number;
  readonly data: unknown;
}

const RETRY_MS = 25;

/** Keeps what a follower was sent and notices every gap, repetition and change of order at once. */
export class Received {
  readonly byOperation = new Map<string, SeenEvent[]>();
  readonly violations: string[] = [];
  lastPosition = 0;

  /** @param ordered whether positions must grow from event to event, as in the stream of a whole tenant */
  constructor(
    private readonly name: string,
    private readonly ordered: boolean,
  ) {}

  lastSeq(operationId: string): number {
    return this.byOperation.get(operationId)?.at(-1)?.seq ?? 0;
  }

  add(event: SeenEvent): void {
    const expected = this.lastSeq(event.operation_id) + 1;
    if (event.seq !== expected) {
      this.violations.push(`${this.name}: ${event.operation_id} sent ${event.seq}, expected ${expected}`);
    }
    const position = Number(event.position);
    if (this.ordered && position <= this.lastPosition) {
      this.violations.push(`${this.name}: position ${position} after ${this.lastPosition}`);
    }
    this.lastPosition = position;
    const events = this.byOperation.get(event.operation_id);
    if (events) events.push(event);
    else this.byOperation.set(event.operation_id, [event]);
  }

  /** Whether every one of these operations was followed to its final event. */
  complete(operationIds: readonly string[]): boolean {
    return operationIds.every((id) => this.byOperation.get(id)?.at(-1)?.event_type === 'completed');
  }
}

/** Follows until its work is done, through any number of broken connections. */
export abstract class Watcher {
  readonly received: Received;
  /** How often it had to connect. */
  connections = 0;
  private stopping = false;

  constructor(
    readonly name: string,
    protected readonly target: Target,
    readonly operationIds: readonly string[],
    ordered: boolean,
  ) {
    this.received = new Received(name, ordered);
  }

  async run(): Promise<void> {
    while (!this.done) {
      this.connections += 1;
      await this.follow();
      if (!this.done) await delay(RETRY_MS);
    }
  }

  stop(): void {
    this.stopping = true;
  }

  protected get done(): boolean {
    return this.stopping || this.received.complete(this.operationIds);
  }

  /** One connection, resumed where the one before ended; resolves when it is gone. */
  protected abstract follow(): Promise<void>;
}

/** Nothing may be missing, and no command may fail. */
function isViolation({ event_type: type }: Partial<SeenEvent>): boolean {
  return type === 'command_error' || type === 'history_trimmed' || type === 'history_lost';
}

/** Over the hub, each operation by `after_seq`, or all of them by `after`. */
export class HubWatcher extends Watcher {
  constructor(
    name: string,
    target: Target,
    operationIds: readonly string[],
    private readonly all: boolean,
  ) {
    super(name, target, operationIds, all);
  }

  protected follow(): Promise<void> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`${this.target.url.replace('http', 'ws')}/hub`);
      const send = (command: object) => socket.send(JSON.stringify(command));
      socket.on('open', () => {
        if (this.all) send({ command: 'subscribe_all', after: String(this.received.lastPosition) });
        else {
          for (const id of this.operationIds) {
            send({ command: 'subscribe', operation_id: id, after_seq: this.received.lastSeq(id) });
          }
        }
      });
      socket.on('message', (frame: Buffer) => {
        const message = JSON.parse(frame.toString()) as Partial<SeenEvent>;
        if (message.seq !== undefined) this.received.add(message as SeenEvent);
        else if (isViolation(message)) {
          this.received.violations.push(`${this.name}: ${frame.toString()}`);
        }
        if (this.done) socket.close();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  }
}

/** Over server-sent events, one operation or all of them, by `Last-Event-ID`. */
export class SseWatcher extends Watcher {
  private lastEventId = '0';

  constructor(name: string, target: Target, operationIds: readonly string[]) {
    super(name, target, operationIds, operationIds.length > 1);
  }

  protected async follow(): Promise<void> {
    const [only] = this.operationIds;
    const path = this.operationIds.length > 1 ? '/api/stream' : `/api/operations/${only}/stream`;
    const abort = new AbortController();
    try {
      const response = await fetch(this.target.url + path, {
        headers: { 'Last-Event-ID': this.lastEventId },
        signal: abort.signal,
      });
      if (!response.ok || response.body === null) return;
      let buffered = '';
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        const blocks = (buffered + chunk).split('\n\n');
        buffered = blocks.pop()!;
        for (const block of blocks) this.take(block);
        if (this.done) return;
      }
    } catch {
      // A killed server cuts the stream; the next connection resumes it.
    } finally {
      abort.abort();
    }
  }

  private take(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    const id = field('id');
    const data = field('data');
    if (data === undefined) return;
    if (id === undefined || field('event') === 'history_lost') {
      this.received.violations.push(`${this.name}: ${block}`);
      return;
    }
    this.lastEventId = id;
    // Says where the stream begins; it is no event of the log.
    if (field('event') === 'position') return;
    this.received.add(JSON.parse(data) as SeenEvent);
  }
}

/** Over the agents protocol, all operations by `after`; the service needs the harness's secret. */
export class AgentsWatcher extends Watcher {
  constructor(name: string, target: Target, operationIds: readonly string[]) {
    super(name, target, operationIds, true);
  }

  protected async follow(): Promise<void> {
    const token = await sign({ id: this.name });
    await new Promise<void>((resolve) => {
      const socket = new WebSocket(`${this.target.url.replace('http', 'ws')}/agents?token=${token}`);
      socket.on('open', () =>
        socket.send(JSON.stringify({ type: 'subscribe_all', after: String(this.received.lastPosition) })),
      );
      socket.on('message', (frame: Buffer) => {
        const message = JSON.parse(frame.toString()) as { type: string; status?: string; event?: SeenEvent };
        if (message.event) this.received.add(message.event);
        const { type, status } = message;
        if (type === 'history_trimmed' || type === 'history_lost' || type === 'error' || status === 'error') {
          this.received.violations.push(`${this.name}: ${frame.toString()}`);
        }
        if (this.done) socket.close();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  }
}

/** Over MCP, one operation by the tool `watch_operation`, whose blocks are events. */
export class McpWatcher extends Watcher {
  constructor(
    name: string,
    target: Target,
    private readonly operationId: string,
  ) {
    super(name, target, [operationId], false);
  }

  protected follow(): Promise<void> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`${this.target.url.replace('http', 'ws')}/mcp`);
      const request = (id: number, method: string, params: object) =>
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      socket.on('open', () =>
        request(1, 'initialize', {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'watcher', version: '1' },
        }),
      );
      socket.on('message', (frame: Buffer) => {
        const { id, method, params } = JSON.parse(frame.toString()) as {
          id?: number;
          method?: string;
          params?: { content?: { text: string }[] };
        };
        if (id === 1) {
          socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
          request(2, 'tools/call', {
            name: 'watch_operation',
            arguments: { operation_id: this.operationId, after_seq: this.received.lastSeq(this.operationId) },
            _meta: { progressToken: 'w' },
          });
        }
        for (const { text } of (method === 'notifications/tool/streamContent' && params?.content) || []) {
          const event = JSON.parse(text) as SeenEvent;
          if (isViolation(event)) this.received.violations.push(`${this.name}: ${text}`);
          else this.received.add(event);
        }
        // Ended, or not there yet: whichever it is, the next connection finds out.
        if (id === 2) socket.close();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  }
}

/** Asks REST for the next page again and again. */
export class PollingWatcher extends Watcher {
  constructor(
    name: string,
    target: Target,
    private readonly operationId: string,
  ) {
    super(name, target, [operationId], false);
  }

  protected async follow(): Promise<void> {
    const after = this.received.lastSeq(this.operationId);
    const path = `/api/operations/${this.operationId}/events?limit=1000&after_seq=${after}`;
    try {
      const response = await fetch(this.target.url + path);
      const page = (await response.json()) as {
        events?: SeenEvent[];
        history_trimmed?: boolean;
        history_lost?: boolean;
      };
      if (page.history_trimmed || page.history_lost) {
        this.received.violations.push(`${this.name}: ${JSON.stringify(page).slice(0, 200)}`);
      }
      for (const event of page.events ?? []) this.received.add(event);
    } catch {
      // A killed server does not answer; the next page is asked for after a pause.
    }
  }
}
