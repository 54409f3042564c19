import { createConnection, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';
import { frame, upgradeRequest } from '../harness/raw-websocket.js';
import { SECRET, sign } from '../harness/tokens.js';

const HEARTBEAT_MS = 500;
/**
 * Bytes a second. A receiver tells its sender of room only once there is much of it, up to half a megabyte on loopback:
 * that must come together within two heartbeats, also on a busy machine.
 */
const SLOW = 2_000_000;

interface Transport {
  readonly name: string;
  /** Asks for the long log. */
  readonly begin: (socket: Socket) => Promise<void>;
}

const text = (message: object): Buffer => frame(JSON.stringify(message));

const TRANSPORTS: readonly Transport[] = [
  {
    name: 'hub',
    async begin(socket) {
      socket.write(upgradeRequest('/hub'));
      socket.write(text({ command: 'subscribe', operation_id: 'long', after_seq: 0 }));
    },
  },
  {
    name: 'agents',
    async begin(socket) {
      socket.write(upgradeRequest(`/agents?token=${await sign({ id: 'a' })}`));
      socket.write(text({ type: 'subscribe', operation_id: 'long', after_seq: 0 }));
    },
  },
  {
    name: 'event stream',
    async begin(socket) {
      socket.write('GET /api/operations/long/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
    },
  },
];

describe('readers that are slow, deaf or gone', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start({
      HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS),
      STORE: 'memory',
      JWT_SECRET: SECRET,
    });
    await service.rest.post('/api/operations', { operation_type: 't', operation_id: 'long' });
    const batch = Array.from({ length: 2000 }, () => ({
      event_type: 'log',
      // In all more than the kernel may hold for a reader: up to 36 MB on some machines.
      data: { message: 'm'.repeat(2500) },
    }));
    for (let round = 0; round < 12; round++) await service.rest.post('/api/operations/long/events', batch);
  });
  afterAll(() => service.stop());

  const subscriptions = async () => (await service.rest.get('/api/stats')).body.subscriptions as number;

  it.each(TRANSPORTS)('$name: one that reads steadily, however slowly, stays', async ({ begin }) => {
    const socket = createConnection(service.port, '127.0.0.1').on('error', () => {});
    socket.pause();
    await begin(socket);
    let bytes = 0;
    const began = performance.now();
    for (let elapsed = 0; elapsed < 8 * HEARTBEAT_MS; elapsed = performance.now() - began) {
      // What is due by now, so that a delay of this process does not make the reader slower.
      while (bytes < (elapsed / 1000) * SLOW) {
        const chunk = socket.read() as Buffer | null;
        if (!chunk) break;
        bytes += chunk.length;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(bytes).toBeGreaterThan(SLOW);
    expect(await subscriptions()).toBe(1);
    socket.destroy();
    await expect.poll(subscriptions, { timeout: 5000 }).toBe(0);
  });

  it.each(TRANSPORTS)(
    '$name: one that takes nothing is let go, and its place given back',
    async ({ begin }) => {
      const socket = createConnection(service.port, '127.0.0.1').on('error', () => {});
      socket.pause();
      await begin(socket);
      await expect.poll(subscriptions, { timeout: 5000 }).toBe(1);
      await expect.poll(subscriptions, { timeout: 12 * HEARTBEAT_MS }).toBe(0);
      socket.destroy();
    },
  );
});
