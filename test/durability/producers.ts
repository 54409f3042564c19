import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

/** Where the service is now; it moves with every restart. */
export interface Target {
  url: string;
}

/** What a producer was promised: the seq of each of its events, by the event's number. */
export interface Producer {
  readonly operationId: string;
  readonly acknowledged: ReadonlyMap<number, number>;
  /** Emits numbered events until told to stop, then the result; resolves when all of it is acknowledged. */
  run(stopped: () => boolean): Promise<void>;
}

const OPERATION = { operation_type: 'durability', metadata: { purpose: 'kill -9' } };
/** Pause before trying a server again that does not answer. */
const RETRY_MS = 25;
const RESULT_ID = 'result';

export const messageOf = (operationId: string, n: number) => `${operationId} event ${n}`;
const eventIdOf = (n: number) => `event-${n}`;

/** Posts single events and batches, and repeats with the same ids what got no answer. */
export class RestProducer implements Producer {
  readonly acknowledged = new Map<number, number>();

  constructor(
    readonly operationId: string,
    private readonly target: Target,
    private readonly random: () => number,
  ) {}

  async run(stopped: () => boolean): Promise<void> {
    await this.post('/api/operations', { ...OPERATION, operation_id: this.operationId });
    const path = `/api/operations/${this.operationId}`;
    for (let next = 1; !stopped();) {
      const size = this.random() < 0.5 ? 1 : 2 + Math.floor(this.random() * 30);
      const numbers = Array.from({ length: size }, (_, n) => next + n);
      for (const [n, seq] of await this.record(path, numbers)) this.acknowledged.set(n, seq);
      next += size;
      await delay(this.random() * 10);
    }
    await this.post(`${path}/result`, { result: this.acknowledged.size, event_id: RESULT_ID });
  }

  private async record(path: string, numbers: number[]): Promise<[number, number][]> {
    const [first] = numbers;
    if (numbers.length === 1) {
      const body = { message: messageOf(this.operationId, first!), event_id: eventIdOf(first!) };
      const { seq } = (await this.post(`${path}/log`, body)) as { seq: number };
      return [[first!, seq]];
    }
    const events = numbers.map((n) => ({
      event_type: 'log',
      event_id: eventIdOf(n),
      data: { message: messageOf(this.operationId, n) },
    }));
    const { receipts } = (await this.post(`${path}/events`, events)) as { receipts: { seq: number }[] };
    return numbers.map((n, index) => [n, receipts[index]!.seq]);
  }

  private async post(path: string, body: unknown): Promise<unknown> {
    for (;;) {
      const answer = await fetch(this.target.url + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
        .then(async (response) => ({ status: response.status, text: await response.text() }))
        .catch(() => undefined);
      if (answer && answer.status < 300) return JSON.parse(answer.text) as unknown;
      if (answer && answer.status !== 503) throw new Error(`${path}: ${answer.status} ${answer.text}`);
      await delay(RETRY_MS);
    }
  }
}

/** Pipelines `emit` over the hub; after a broken connection it sends again, in order, what was not acknowledged. */
export class HubProducer implements Producer {
  readonly acknowledged = new Map<number, number>();
  /** Events that were sent at least once: those must be acknowledged before the end, too. */
  private attempted = 0;
  private ended = false;

  constructor(
    readonly operationId: string,
    private readonly target: Target,
    private readonly random: () => number,
    private readonly window = 50,
  ) {}

  async run(stopped: () => boolean): Promise<void> {
    while (!this.ended) {
      await this.connectAndEmit(stopped);
      if (!this.ended) await delay(RETRY_MS);
    }
  }

  /** Resolves when the connection is gone; rejects when the server refused something. */
  private connectAndEmit(stopped: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${this.target.url.replace('http', 'ws')}/hub`);
      const send = (command: object) => socket.send(JSON.stringify(command));
      let sent = this.acknowledged.size;
      let finishing = false;
      const pump = () => {
        if (socket.readyState !== WebSocket.OPEN || finishing) return;
        if (stopped() && this.attempted === this.acknowledged.size) {
          finishing = true;
          const data = { result: sent };
          send({
            command: 'emit',
            operation_id: this.operationId,
            event_type: 'result',
            data,
            event_id: RESULT_ID,
          });
          return;
        }
        while (sent < this.attempted || (!stopped() && sent - this.acknowledged.size < this.window)) {
          sent += 1;
          this.attempted = Math.max(this.attempted, sent);
          send({
            command: 'emit',
            operation_id: this.operationId,
            event_type: 'log',
            data: { message: messageOf(this.operationId, sent) },
            event_id: eventIdOf(sent),
            request_id: sent,
          });
        }
      };
      socket.on('open', () =>
        send({ command: 'create_operation', ...OPERATION, operation_id: this.operationId }),
      );
      socket.on('message', (frame: Buffer) => {
        const message = JSON.parse(frame.toString()) as {
          event_type: string;
          seq?: number;
          request_id?: number;
        };
        if (message.event_type === 'command_error') reject(new Error(frame.toString()));
        if (message.event_type === 'created') pump();
        if (message.event_type !== 'recorded') return;
        if (message.request_id === undefined) {
          this.ended = true;
          socket.close();
          return;
        }
        this.acknowledged.set(message.request_id, message.seq!);
        setTimeout(pump, this.random() * 30);
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  }
}
