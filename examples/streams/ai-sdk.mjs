/**
 * A model's answer that survives a reload, with the AI SDK:
 *
 *   npm install ai @durable-streams/aisdk-transport
 *   node ai-sdk.mjs http://127.0.0.1:8765
 *
 * Prints what the page had before the reload, and what it has afterwards.
 */
import { createServer } from 'node:http';
import { createDurableChatTransport, toDurableStreamResponse } from '@durable-streams/aisdk-transport';

const opstream = process.argv[2] ?? 'http://127.0.0.1:8765';

/** Stands for `streamText(…).toUIMessageStream()`. */
async function* answer() {
  yield { type: 'start' };
  yield { type: 'text-start', id: '1' };
  for (const delta of ['Once ', 'upon ', 'a ', 'time']) {
    yield { type: 'text-delta', id: '1', delta };
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  yield { type: 'text-end', id: '1' };
  yield { type: 'finish' };
}

// The backend: one stream for each answer. It goes on writing when nobody reads.
async function answerRequest(request, response) {
  const streamUrl = `${opstream}/v1/stream/chats/${process.pid}`;
  if (request.method === 'POST') {
    const created = await toDurableStreamResponse({ source: answer(), stream: { writeUrl: streamUrl } });
    response.writeHead(created.status, Object.fromEntries(created.headers)).end(await created.text());
  } else {
    // GET /api/chat/<id>/stream: where the answer under way is.
    response.writeHead(200, { 'content-type': 'application/json', location: streamUrl });
    response.end(JSON.stringify({ streamUrl }));
  }
}
const server = createServer((request, response) => void answerRequest(request, response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

// The page: `useChat({ id, transport, resume: true })` does this.
const transport = createDurableChatTransport({ api: `http://127.0.0.1:${server.address().port}/api/chat` });
const reload = new AbortController();
const before = [];
try {
  const chunks = await transport.sendMessages({
    trigger: 'submit-message',
    chatId: '1',
    messages: [],
    abortSignal: reload.signal,
  });
  for await (const chunk of chunks) {
    before.push(chunk.delta ?? chunk.type);
    if (chunk.delta === 'upon ') reload.abort();
  }
} catch (thrown) {
  if (!reload.signal.aborted) throw thrown;
}
const after = [];
for await (const chunk of await transport.reconnectToStream({ chatId: '1' }))
  after.push(chunk.delta ?? chunk.type);
console.log(JSON.stringify({ before, after }));
process.exit(0);
