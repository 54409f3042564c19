import { expect, it } from 'vitest';
import { expectHealthy, fuzz } from '../harness/frame-fuzzer.js';
import { LogLines } from '../harness/log-lines.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET } from '../harness/tokens.js';

const FRAMES = 120000;

it(`${FRAMES} generated frames leave the service well, with nothing left behind and no failure of its own`, async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const log = new LogLines();
  const settings = { JWT_SECRET: SECRET, MAX_CONNECTIONS_PER_USER: '1000', HUB_AUTO_MONITOR_MS: '5' };
  const service = await RunningService.start(settings, [], log);
  try {
    expect(await fuzz(service, FRAMES, seed)).toBeGreaterThanOrEqual(FRAMES);
    await expectHealthy(service);
    const failures = log.lines.filter(({ level }) => level === 'error');
    expect({ seed, failures }).toEqual({ seed, failures: [] });
  } finally {
    await service.stop();
  }
}, 600_000);
