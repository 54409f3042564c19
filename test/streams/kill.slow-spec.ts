import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DurableStream, RestClient } from '../../src/client/index.js';
import { ServiceProcess } from '../harness/service-process.js';

const KILLS = 12;
const PRODUCERS = 16;
const FOLLOWERS = 5;
const POLLERS = 3;
const QUICK = { maxAttempts: Infinity, delay: () => 20 };

interface Message {
  readonly producer: number;
  readonly n: number;
}

/** Waits with long-polls, and writes down every message. */
async function poll(url: string, received: Message[]): Promise<void> {
  let offset = '-1';
  for (;;) {
    try {
      const answer = await fetch(`${url}?offset=${offset}&live=long-poll`);
      if (answer.status >= 500) throw new Error(`HTTP ${answer.status}`);
      expect([200, 204]).toContain(answer.status);
      if (answer.status === 200) received.push(...((await answer.json()) as Message[]));
      offset = answer.headers.get('stream-next-offset')!;
      if (answer.headers.get('stream-closed') === 'true') return;
    } catch (thrown) {
      if (thrown instanceof Error && thrown.name === 'AssertionError') throw thrown;
      await delay(20);
    }
  }
}

describe('streams: kill -9 of the service', { timeout: 300_000 }, () => {
  let service: ServiceProcess;

  beforeEach(async () => {
    service = await ServiceProcess.start();
  });
  afterEach(() => service.stop());

  it(`every acknowledged message once, in order, over ${KILLS} kills under ${PRODUCERS} producers and ${FOLLOWERS + POLLERS} readers`, async () => {
    const stream = (producerId?: string) =>
      new DurableStream(new RestClient({ url: service.url }), 'kill/all', {
        reconnect: QUICK,
        ...(producerId !== undefined && { producerId }),
      });
    await stream().create();
    const readers: Message[][] = [];
    const reading: Promise<void>[] = [];
    for (let index = 0; index < FOLLOWERS; index++) {
      const received: Message[] = [];
      readers.push(received);
      reading.push(
        (async () => {
          for await (const { messages } of stream().follow())
            received.push(...(messages as unknown as Message[]));
        })(),
      );
    }
    for (let index = 0; index < POLLERS; index++) {
      const received: Message[] = [];
      readers.push(received);
      reading.push(poll(`${service.url}/v1/stream/kill/all`, received));
    }

    const acknowledged = Array<number>(PRODUCERS).fill(0);
    const over = new AbortController();
    const producing = acknowledged.map(async (_, producer) => {
      const own = stream(`producer-${producer}`);
      while (!over.signal.aborted) {
        const n = acknowledged[producer]!;
        await own.append({ producer, n });
        acknowledged[producer] = n + 1;
      }
    });
    const total = (): number => acknowledged.reduce((sum, count) => sum + count, 0);
    for (let kill = 0; kill < KILLS; kill++) {
      const from = total();
      await expect.poll(() => total() - from, { timeout: 60_000 }).toBeGreaterThan(100 + Math.random() * 500);
      await service.kill();
      await service.restart();
    }
    over.abort();
    await Promise.all(producing);
    await stream().close();
    await Promise.all(reading);

    const [first, ...others] = readers;
    for (const other of others) expect(other).toEqual(first);
    for (const [producer, count] of acknowledged.entries()) {
      const numbers = first!.filter((message) => message.producer === producer).map(({ n }) => n);
      expect(numbers).toEqual(Array.from({ length: count }, (_, n) => n));
    }
    console.log(`${total()} messages, ${KILLS} kills`);
  });
});
