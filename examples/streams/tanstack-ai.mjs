/**
 * A conversation that survives a reload, with TanStack AI:
 *
 *   npm install @tanstack/ai @durable-streams/client @durable-streams/tanstack-ai-transport
 *   node tanstack-ai.mjs http://127.0.0.1:8765
 *
 * Prints what the page had before the reload, and what came afterwards.
 */
import { createServer } from 'node:http';
import {
  durableStreamConnection,
  toDurableChatSessionResponse,
} from '@durable-streams/tanstack-ai-transport';

const opstream = process.argv[2] ?? 'http://127.0.0.1:8765';
const streamUrl = `${opstream}/v1/stream/conversations/${process.pid}`;

/** Stands for `chat({ adapter, messages, stream: true })`. */
async function* answer() {
  yield { type: 'RUN_STARTED', runId: '1', threadId: '1', timestamp: Date.now() };
  yield { type: 'TEXT_MESSAGE_START', messageId: 'a', role: 'assistant', timestamp: Date.now() };
  for (const delta of ['Once ', 'upon ', 'a ', 'time']) {
    yield { type: 'TEXT_MESSAGE_CONTENT', messageId: 'a', delta, timestamp: Date.now() };
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  yield { type: 'TEXT_MESSAGE_END', messageId: 'a', timestamp: Date.now() };
  yield { type: 'RUN_FINISHED', runId: '1', threadId: '1', timestamp: Date.now() };
}

// The backend: one stream for each conversation. It goes on writing when nobody reads.
async function answerRequest(response) {
  const newMessages = [{ id: 'q', role: 'user', parts: [{ type: 'text', content: 'Tell me a story' }] }];
  const written = await toDurableChatSessionResponse({
    stream: { writeUrl: streamUrl },
    newMessages,
    responseStream: answer(),
  });
  response.writeHead(written.status).end(await written.text());
}
const server = createServer((_request, response) => void answerRequest(response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

// The page: `useChat({ connection, live: true })` does this.
const connection = durableStreamConnection({
  sendUrl: `http://127.0.0.1:${server.address().port}/api/chat`,
  readUrl: streamUrl,
  emitSnapshotOnSubscribe: false,
});
await connection.send([]);
const before = [];
const reload = new AbortController();
for await (const chunk of connection.subscribe(reload.signal)) {
  if (chunk.delta) before.push(chunk.delta);
  if (chunk.delta === 'upon ') break;
}
reload.abort();
// The connection remembers its offset; a page keeps it, or takes `initialOffset` from the server.
const after = [];
const rest = new AbortController();
for await (const chunk of connection.subscribe(rest.signal)) {
  if (chunk.delta) after.push(chunk.delta);
  if (chunk.type === 'RUN_FINISHED') break;
}
rest.abort();
console.log(JSON.stringify({ before, after }));
process.exit(0);
