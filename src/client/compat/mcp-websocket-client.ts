import { isObject, parseJson } from '../json.js';
import type { OperationEvent } from '../protocol/operation-events.js';
import {
  closeSocket,
  openSocket,
  SOCKET_OPEN,
  socketFactory,
  type Socket,
  type SocketConstructor,
} from '../socket.js';

/** Any frame of the hub; events of an operation are `OperationEvent`. */
export type HubFrame = OperationEvent | { event_type: string; operation_id?: string; data?: unknown };

type Callback<EventType extends string> = (event: Extract<HubFrame, { event_type: EventType }>) => void;

/**
 * Compatible with MCP Hub's `MCPWebSocketClient`: one connection, callbacks by event type. It neither reconnects nor
 * replays; use `HubClient` for that.
 */
export class MCPWebSocketClient {
  ws: Socket | null = null;
  readonly #listeners = new Map<string, ((event: HubFrame) => void)[]>();
  readonly #webSocket: SocketConstructor | undefined;
  /** Subscriptions requested before the connection was open. */
  #waiting: string[] = [];

  constructor(
    readonly url: string = 'ws://localhost:8765',
    options: { webSocket?: SocketConstructor } = {},
  ) {
    this.#webSocket = options.webSocket;
  }

  /** Resolves once the connection is open. @throws Error when it cannot be opened */
  async connect(): Promise<void> {
    const open = this.#webSocket ? socketFactory(this.#webSocket) : openSocket;
    const ws = await open(this.url);
    this.ws = ws;
    ws.addEventListener('message', ({ data }) => {
      const frame = typeof data === 'string' ? parseJson(data) : undefined;
      if (isObject(frame)) this.handleEvent(frame as unknown as HubFrame);
    });
    await new Promise<void>((resolve, reject) => {
      ws.addEventListener('open', () => resolve());
      ws.addEventListener('error', ({ message }) =>
        reject(new Error(`Cannot connect to ${this.url}${message ? `: ${message}` : ''}`)),
      );
      ws.addEventListener('close', () => reject(new Error(`The connection to ${this.url} was closed`)));
    });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const operationId of waiting) this.subscribe(operationId);
  }

  /** Subscribes to an operation's events from now on; before the connection is open, as soon as it is. */
  subscribe(operationId: string): void {
    if (this.ws?.readyState === SOCKET_OPEN) {
      this.ws.send(JSON.stringify({ command: 'subscribe', operation_id: operationId }));
    } else {
      this.#waiting.push(operationId);
    }
  }

  /** Several callbacks per event type are called in the order of registration. */
  on<EventType extends string>(eventType: EventType, callback: Callback<EventType>): void {
    const present = this.#listeners.get(eventType) ?? [];
    this.#listeners.set(eventType, [...present, callback as (event: HubFrame) => void]);
  }

  /** Passes one frame to the callbacks of its type; called for every frame. */
  handleEvent(event: HubFrame): void {
    for (const callback of this.#listeners.get(event.event_type) ?? []) callback(event);
  }

  disconnect(): void {
    if (this.ws) closeSocket(this.ws);
  }
}
