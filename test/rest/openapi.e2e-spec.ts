import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';

type Operation = { operationId: string; responses: Record<string, unknown> };
type Document = { openapi: string; paths: Record<string, Record<string, Operation>> };

describe('OpenAPI', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());

  it('S1-73: the served document is docs/openapi.json; `npm run build && npm run openapi` writes it anew', async () => {
    const committed = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
    const { body } = await service.rest.get<Document>('/api-json');
    expect(body).toEqual(JSON.parse(committed));
  });

  it('names every operation once, and says how each fails', async () => {
    const { body } = await service.rest.get<Document>('/api-json');
    const operations = Object.values(body.paths).flatMap((path) => Object.values(path));
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids).toContain('open_operation');
    for (const { responses } of operations) expect(responses).toHaveProperty('default');
  });

  it.each(['/docs', '/api-yaml'])('%s is served', async (path) => {
    expect((await service.rest.get(path)).status).toBe(200);
  });
});
