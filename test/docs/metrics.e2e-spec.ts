import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';

let service: RunningService;

beforeAll(async () => {
  // With Forge, which need not be there, so that its metrics are.
  service = await RunningService.start({ STORE: 'memory', FORGE_URL: 'http://127.0.0.1:1' });
});
afterAll(() => service.stop());

describe('docs/metrics.md', () => {
  it('S1-73: describes every metric with its labels, and no other', async () => {
    // One request, so that metrics with labels show them.
    await service.rest.get('/health');
    const { text } = await service.rest.get('/metrics');
    const served = [...text.matchAll(/^# HELP (\S+)/gm)]
      .map(([, name]) => name!)
      .filter((name) => !/^(process|nodejs)_/.test(name));
    const docs = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const described = [...docs.matchAll(/^\| `([a-z_]+)/gm)].map(([, name]) => name!);
    expect(described.toSorted()).toEqual(served.toSorted());
  });
});
