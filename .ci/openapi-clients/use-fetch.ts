/** The client that OpenAPI Generator makes for typescript-fetch, doing the same. */
import assert from 'node:assert/strict';
import { Configuration, EventsApi, OperationsApi, ResponseError } from './fetch-client/index.js';

const configuration = new Configuration({ basePath: process.argv[2]! });
const operations = new OperationsApi(configuration);
const events = new EventsApi(configuration);

for (const result of [{ ok: true }, [1, 'two'], 'text', 4.5, false]) {
  const { operationId: id } = await operations.createOperation({
    createOperationDto: { operationType: 'build', metadata: { a: 1 } },
  });
  await events.emitProgress({ id, progressDto: { progress: 0.5, message: 'half' } });
  await events.emitResult({ id, resultDto: { result } });
  const read = await operations.getOperation({ id });
  assert.deepEqual([read.status, read.result], ['completed', result]);
  const { events: log } = await operations.getHistory({ id });
  assert.equal(log.length, 4);
  const late = await events.emitLog({ id, logDto: { message: 'late' } }).catch((thrown: unknown) => thrown);
  assert.ok(late instanceof ResponseError && late.response.status === 409);
  await operations.deleteOperation({ id });
}
const { operationId: id } = await operations.createOperation({
  createOperationDto: { operationType: 'build' },
});
await events.emitLines({ id, body: new Blob(['one\ntwo\n']) });
// Without a body, and with the type of one.
const cancelled = await events.cancelOperation({ id });
assert.deepEqual([cancelled.status, cancelled.eventCount], ['cancelled', 4]);
