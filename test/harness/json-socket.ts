import type { IncomingMessage } from 'node:http';
import { WebSocket, type ClientOptions } from 'ws';

const PATIENCE_MS = 10_000;

export interface JsonSocketOptions extends ClientOptions {
  readonly subprotocols?: readonly string[];
}

type Message = Record<string, unknown>;

/** A WebSocket whose messages are JSON objects, kept in order until a test asks for them. */
export class JsonSocket {
  readonly inbox: Message[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  private arrived: () => void = () => {};

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (text: Buffer) => {
      this.inbox.push(JSON.parse(text.toString()) as Message);
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

  /** @throws Refused when the upgrade is answered with an HTTP error */
  static async connect(
    url: string,
    { subprotocols, ...options }: JsonSocketOptions = {},
  ): Promise<JsonSocket> {
    const client = new JsonSocket(new WebSocket(url, [...(subprotocols ?? [])], options));
    const { socket } = client;
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (_request, response: IncomingMessage) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => reject(new Refused(response.statusCode ?? 0, body, response.headers)));
      });
    });
    return client;
  }

  send(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  async next(): Promise<Message> {
    return (await this.take(1))[0]!;
  }

  async take(count: number): Promise<Message[]> {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.inbox.length < count) {
      const left = deadline - Date.now();
      const there = JSON.stringify(this.inbox).slice(0, 500);
      if (left <= 0) throw new Error(`${count} messages did not arrive; there is ${there}`);
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error(`closed; there is ${there}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.inbox.splice(0, count);
  }

  /** Sends; the very next message is the answer. */
  ask(message: object | string): Promise<Message> {
    this.send(message);
    return this.next();
  }

  async close(): Promise<void> {
    this.socket.close(1000);
    await this.closed;
  }

  terminate(): void {
    this.socket.terminate();
  }
}

/** An upgrade that was answered with an HTTP error. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly body: string,
    readonly headers: IncomingMessage['headers'],
  ) {
    super(`${status} ${body}`);
  }
}
