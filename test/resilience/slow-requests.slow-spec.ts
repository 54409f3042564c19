import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';
import { tcp, upgradeRequest } from '../harness/raw-websocket.js';

describe('requests that drip in', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start({ STORE: 'memory' });
  });
  afterAll(() => service.stop());

  it.each([
    ['an upgrade', upgradeRequest('/hub')],
    ['a request', 'GET /api/stats HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
  ])(
    '%s whose headers take longer than 15 s is cut off, and others are served meanwhile',
    async (_what, text) => {
      const drip = async (): Promise<{ answer: string; seconds: number }> => {
        const began = performance.now();
        const socket = await tcp(service.port);
        let answer = '';
        socket.on('data', (bytes: Buffer) => (answer += bytes.toString()));
        const closed = new Promise((resolve) => socket.once('close', resolve));
        let sent = 0;
        // One byte a second, and never the last one.
        const timer = setInterval(() => socket.write(text.charAt(Math.min(sent++, text.length - 3))), 1000);
        await closed;
        clearInterval(timer);
        return { answer, seconds: (performance.now() - began) / 1000 };
      };
      const drips = Array.from({ length: 50 }, drip);
      expect((await service.rest.get('/api/stats')).status).toBe(200);
      for (const { answer, seconds } of await Promise.all(drips)) {
        expect(answer).toContain('408');
        expect(seconds).toBeGreaterThan(10);
        expect(seconds).toBeLessThan(30);
      }
    },
    60_000,
  );
});
