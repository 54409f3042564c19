import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  readonly id: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A server that webhooks are sent to. What it answers is decided per path; by default 204. */
export class WebhookReceiver {
  readonly received: Received[] = [];
  readonly answers = new Map<string, (response: ServerResponse, received: Received) => void>();
  private port = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(createServer());
    receiver.server.on('request', (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const { headers, url: path = '' } = request;
        const one = { id: String(headers['webhook-id']), path, headers, text, at: Date.now() };
        receiver.received.push(one);
        const answer = receiver.answers.get(path);
        if (answer) answer(response, one);
        else response.writeHead(204).end();
      });
    });
    await receiver.listen();
    return receiver;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** What arrived at a path. */
  at(path: string): readonly Received[] {
    return this.received.filter((one) => one.path === path);
  }

  /** Checks the signature as a receiver of npm's package does. @returns the body */
  verify(
    received: Received,
    secret: string,
  ): { type: string; timestamp: string; data: Record<string, unknown> } {
    return new Webhook(secret).verify(received.text, received.headers as Record<string, string>) as never;
  }

  /** Nobody listens until `listen`. */
  async goDown(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => void this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }
}
