// A closed loop of MCP calls over HTTP: each connection sends its next call when it has the answer to the last one.
// Every answer is checked for status, text and id.
import { Agent, request } from 'node:http';
import { answerLines } from '../harness/answer-lines.mjs';

const MODERN = '2026-07-28';
const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': {},
};
let ids = 0;

function post(agent, port, body, headers, onChunk) {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const sent = request(
      {
        agent,
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/mcp',
        headers: { ...HEADERS, ...headers, 'content-length': Buffer.byteLength(text) },
      },
      (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          onChunk?.(chunk);
          answer += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, answer }));
      },
    );
    sent.on('error', reject);
    sent.end(text);
  });
}

/** The answer itself: the whole body, or the data of the stream's last event. */
function lastMessage(answer) {
  if (answer.startsWith('{')) return JSON.parse(answer);
  const event = answer.trimEnd().split(/\n\n/).at(-1);
  return JSON.parse(/^data: ?(.*)$/m.exec(event)[1]);
}

/** Headers and params of a call in an era, with a session where there is one. */
async function opener(agent, port, era) {
  if (era === 'modern') {
    return (name, args, meta = {}) => [
      { name, arguments: args, _meta: { ...META, ...meta } },
      { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': name },
    ];
  }
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  };
  const opened = await post(agent, port, { jsonrpc: '2.0', id: 'init', method: 'initialize', params }, {});
  const session = {
    'mcp-session-id': opened.headers['mcp-session-id'],
    'mcp-protocol-version': '2025-11-25',
  };
  await post(agent, port, { jsonrpc: '2.0', method: 'notifications/initialized' }, session);
  return (name, args, meta) => [{ name, arguments: args, ...(meta && { _meta: meta }) }, session];
}

async function calls(port, era, tool, connections, seconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
  // Sessions are opened before the clock starts: some servers take seconds for it.
  const openers = await Promise.all(
    Array.from({ length: Number(connections) }, () => opener(agent, port, era)),
  );
  const begin = performance.now();
  const end = begin + Number(seconds) * 1000;
  let count = 0;
  const work = async (make) => {
    while (performance.now() < end) {
      const id = ++ids;
      const [params, headers] = make(tool, { text: `n${id}` });
      const { status, answer } = await post(
        agent,
        port,
        { jsonrpc: '2.0', id, method: 'tools/call', params },
        headers,
      );
      const message = lastMessage(answer);
      if (status !== 200 || message.id !== id || message.result.content[0].text !== `n${id}`) {
        throw new Error(`Wrong answer: ${status} ${answer.slice(0, 300)}`);
      }
      count += 1;
    }
  };
  await Promise.all(openers.map(work));
  agent.destroy();
  return { count, elapsed: (performance.now() - begin) / 1000 };
}

async function progress(port, era, tool, count) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const make = await opener(agent, port, era);
  const [params, headers] = make(tool, { count: Number(count) }, { progressToken: 'p' });
  const begin = performance.now();
  let first;
  let seen = 0;
  let chunks = 0;
  const { answer } = await post(
    agent,
    port,
    { jsonrpc: '2.0', id: 'progress', method: 'tools/call', params },
    headers,
    (chunk) => {
      if (!chunk.includes('notifications/progress')) return;
      first ??= performance.now() - begin;
      chunks += 1;
      seen += chunk.split('notifications/progress').length - 1;
    },
  );
  agent.destroy();
  const elapsed = (performance.now() - begin) / 1000;
  if (lastMessage(answer).result.content[0].text !== 'done') throw new Error(answer.slice(-300));
  return { seen, chunks, first_ms: first, elapsed };
}

await answerLines({ calls, progress });
