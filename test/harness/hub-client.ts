import { WebSocket, type ClientOptions } from 'ws';
import type { OperationSnapshot, ServerStats } from '../../src/client/protocol/operation-events.js';

/** Any message of the hub: an event, or an answer, which has the same envelope and its own members at the top. */
export interface HubMessage {
  readonly event_type: string;
  readonly operation_id: string;
  readonly timestamp: number;
  readonly data: HubData;
  readonly seq?: number;
  readonly position?: string;
  readonly request_id?: string | number;
  readonly status?: string;
  readonly error?: string;
  readonly operation?: OperationSnapshot | null;
  readonly stats?: ServerStats;
}

/** The members that tests look into; the rest is compared as a whole. */
interface HubData {
  readonly events?: readonly HubMessage[];
  readonly operations?: readonly OperationSnapshot[];
  readonly next_cursor?: string | null;
  readonly has_more?: boolean;
  readonly code?: string;
  readonly [key: string]: unknown;
}

export interface HubClientOptions extends ClientOptions {
  readonly subprotocols?: readonly string[];
}

/** How long a message may take on a busy machine before the test fails. */
const PATIENCE_MS = 10_000;

let requests = 0;

/** A hub client that keeps every message, in order, until a test asks for it. */
export class HubClient {
  welcome!: HubMessage;
  /** Messages that arrived and were not taken yet. */
  readonly inbox: HubMessage[] = [];
  /** Code and reason of the close frame. */
  readonly closed: Promise<{ code: number; reason: string }>;
  private arrived: () => void = () => {};

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (text: Buffer) => {
      this.inbox.push(JSON.parse(text.toString()) as HubMessage);
      this.arrived();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.arrived();
      });
    });
    socket.on('error', () => {});
  }

  static async connect(url: string, { subprotocols, ...options }: HubClientOptions = {}): Promise<HubClient> {
    const socket = new WebSocket(url, [...(subprotocols ?? [])], options);
    const client = new HubClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    client.welcome = await client.next();
    return client;
  }

  /** @param frame an object is sent as JSON, a string as it is */
  send(frame: object | string): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** The next message in order. */
  async next(): Promise<HubMessage> {
    await this.until(() => this.inbox.length > 0, 'a message');
    return this.inbox.shift()!;
  }

  async take(count: number): Promise<HubMessage[]> {
    await this.until(() => this.inbox.length >= count, `${count} messages`);
    return this.inbox.splice(0, count);
  }

  /** Everything up to and with the first message of this type. */
  async through(eventType: string): Promise<HubMessage[]> {
    const index = (): number => this.inbox.findIndex((message) => message.event_type === eventType);
    await this.until(() => index() >= 0, eventType);
    return this.inbox.splice(0, index() + 1);
  }

  /** Sends a command; the very next message is its answer. */
  async ask(command: object | string): Promise<HubMessage> {
    this.send(command);
    return this.next();
  }

  /** Sends a command and picks its answer out of whatever else arrives. */
  async request(command: object): Promise<HubMessage> {
    const id = `r${++requests}`;
    this.send({ ...command, request_id: id });
    const index = (): number => this.inbox.findIndex((message) => message.request_id === id);
    await this.until(() => index() >= 0, `the answer to ${JSON.stringify(command)}`);
    return this.inbox.splice(index(), 1)[0]!;
  }

  /** Follows an operation; its first message afterwards is an event. */
  async subscribe(operationId: string, options: object = {}): Promise<void> {
    const answer = await this.ask({ command: 'subscribe', operation_id: operationId, ...options });
    if (answer.status !== 'subscribed') throw new Error(`not subscribed: ${JSON.stringify(answer)}`);
  }

  /**
   * Proves that nothing more was sent to this client: a socket keeps its order, and an event is written to it before
   * its producer is answered, so whatever was due arrives before this pong.
   */
  async expectNothing(): Promise<void> {
    const message = await this.ask({ command: 'ping', request_id: 'nothing' });
    if (message.request_id !== 'nothing') throw new Error(`Unexpected message: ${JSON.stringify(message)}`);
  }

  async close(): Promise<void> {
    this.socket.close(1000);
    await this.closed;
  }

  /** Cuts the connection without a close frame. */
  terminate(): void {
    this.socket.terminate();
  }

  private async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(`${what} did not arrive; there is ${JSON.stringify(this.inbox.slice(0, 5))}`);
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error(`closed before ${what} arrived`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
