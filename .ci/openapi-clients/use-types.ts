/** A client of openapi-typescript's types and openapi-fetch: opens, records a result of every JSON type, reads, deletes. */
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './types.js';

type Operation = components['schemas']['OperationDto'];

const client = createClient<paths>({ baseUrl: process.argv[2]! });

for (const result of [{ ok: true }, [1, 'two'], 'text', 4.5, false, null]) {
  const { data: opened } = await client.POST('/api/operations', {
    body: { operation_type: 'build', metadata: { a: 1 } },
  });
  const { operation_id: id }: Operation = opened!;
  const path = { id };
  await client.POST('/api/operations/{id}/log', {
    params: { path },
    body: { message: 'm', details: { n: 1 } },
  });
  await client.POST('/api/operations/{id}/result', { params: { path }, body: { result } });
  const { data: read } = await client.GET('/api/operations/{id}', { params: { path } });
  assert.deepEqual([read?.status, read?.result], ['completed', result]);
  const { data: page } = await client.GET('/api/operations/{id}/events', {
    params: { path, query: { after_seq: 1 } },
  });
  assert.equal(page?.events.length, 3);
  const late = await client.POST('/api/operations/{id}/log', { params: { path }, body: { message: 'late' } });
  assert.deepEqual([late.error?.code, late.error?.state], ['operation_ended', 'completed']);
  assert.equal((await client.DELETE('/api/operations/{id}', { params: { path } })).response.status, 204);
}
