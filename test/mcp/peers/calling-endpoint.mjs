/**
 * A peer like xiaozhi's: it accepts a WebSocket and is the MCP client on it. It lists and calls the tools of
 * whoever connects, as its parent process asks over IPC, and tells what came back.
 *
 * Asked: { call, arguments }, { request, params }. Tells: { port }, { connected: url }, { tools }, { result | error }.
 */
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1' });
const waiting = new Map();
let socket;
let count = 0;

function request(method, params) {
  const id = ++count;
  const answer = new Promise((resolve) => waiting.set(id, resolve));
  socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  return answer;
}

async function greet() {
  const clientInfo = { name: 'calling-endpoint', version: '1' };
  await request('initialize', { protocolVersion: '2024-11-05', capabilities: {}, clientInfo });
  socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
  const { result } = await request('tools/list', {});
  if (result) process.send({ tools: result.tools.map(({ name }) => name) });
}

server.on('listening', () => process.send({ port: server.address().port }));

server.on('connection', (connected, { url, headers }) => {
  socket = connected;
  socket.on('error', () => {});
  socket.on('message', (data) => {
    const message = JSON.parse(data);
    if (message.method !== undefined) {
      // It is a client: it serves nothing.
      process.send({ asked: message.method });
      if (message.id === undefined) return;
      const error = { code: -32601, message: 'Method not found' };
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: message.id, error }));
      return;
    }
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  });
  process.send({ connected: url, extensions: connected.extensions, agent: headers['x-agent'] });
  void greet();
});

async function ask({ call, arguments: args, request: method, params }) {
  const answer = await (call
    ? request('tools/call', { name: call, arguments: args })
    : request(method, params));
  process.send({ answered: call ?? method, result: answer.result, error: answer.error });
}

process.on('message', (asked) => void ask(asked));
process.on('disconnect', () => process.exit());
