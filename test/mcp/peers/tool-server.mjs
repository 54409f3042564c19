/**
 * A peer that is an MCP server on the official SDK, over WebSocket and over Streamable HTTP on one port: its tools
 * are what a peer offers onward.
 *
 * Asked: { add: name } or { remove: name } changes its tools. Tells: { port }, { called, arguments }, { cancelled }.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { WebSocketServer } from 'ws';
import { z } from 'zod';

const TOKEN = 'secret';
const servers = new Set();
const added = new Map();

function text(value) {
  return { content: [{ type: 'text', text: value }] };
}

function addTool(server, name) {
  return server.registerTool(name, { description: `Added: ${name}` }, () => text(name));
}

function createMcp() {
  const server = new McpServer({ name: 'tool-server', version: '1' });
  server.registerTool(
    'echo',
    { title: 'Echo', description: 'Says it again', inputSchema: z.object({ text: z.string() }) },
    ({ text: said }) => {
      process.send({ called: 'echo', arguments: said });
      return { ...text(said), structuredContent: { said, pid: process.pid } };
    },
  );
  server.registerTool(
    'count',
    { description: 'Counts with progress', inputSchema: z.object({ to: z.number(), everyMs: z.number() }) },
    async ({ to, everyMs }, { mcpReq }) => {
      process.send({ called: 'count', arguments: to });
      for (let n = 1; n <= to; n++) {
        if (mcpReq.signal.aborted) {
          process.send({ cancelled: 'count' });
          return text('cancelled');
        }
        const progressToken = mcpReq._meta?.progressToken;
        const params = { progressToken, progress: n, total: to, message: `${n} of ${to}` };
        await mcpReq.notify({ method: 'notifications/progress', params });
        await delay(everyMs);
      }
      return text(`counted to ${to}`);
    },
  );
  server.registerTool('fail', { description: 'Fails' }, () => ({ ...text('It went wrong'), isError: true }));
  server.extra = new Map([...added.keys()].map((name) => [name, addTool(server, name)]));
  servers.add(server);
  return server;
}

class SocketTransport {
  constructor(socket) {
    this.socket = socket;
  }
  async start() {
    this.socket.on('message', (data) => this.onmessage?.(JSON.parse(data.toString())));
    this.socket.on('close', () => this.onclose?.());
  }
  async send(message) {
    this.socket.send(JSON.stringify(message));
  }
  async close() {
    this.socket.close();
  }
}

const sessions = new Map();

async function serveHttp(request, response) {
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return response.writeHead(401).end();
  let transport = sessions.get(request.headers['mcp-session-id']);
  if (!transport && request.headers['mcp-session-id'] !== undefined) return response.writeHead(404).end();
  if (!transport) {
    transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    await createMcp().connect(transport);
  }
  const hasBody = request.method === 'POST';
  const answer = await transport.handleRequest(
    new Request(`http://127.0.0.1${request.url}`, {
      method: request.method,
      headers: request.headers,
      ...(hasBody && { body: Readable.toWeb(request), duplex: 'half' }),
    }),
  );
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (!answer.body) return response.end();
  const body = Readable.fromWeb(answer.body);
  response.on('close', () => body.destroy());
  body.on('error', () => response.end());
  body.pipe(response);
}

const http = createServer((request, response) => void serveHttp(request, response));
const sockets = new WebSocketServer({
  server: http,
  perMessageDeflate: true,
  verifyClient: ({ req }) =>
    req.headers.authorization === `Bearer ${TOKEN}` || req.url.includes(`token=${TOKEN}`),
});
sockets.on('connection', (socket) => {
  socket.on('error', () => {});
  process.send({ connected: true, extensions: socket.extensions });
  void createMcp().connect(new SocketTransport(socket));
});
http.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => process.send({ port: http.address().port }));

process.on('message', ({ add, remove }) => {
  for (const server of servers) {
    if (add) server.extra.set(add, addTool(server, add));
    if (remove) server.extra.get(remove)?.remove();
  }
  if (add) added.set(add, true);
  if (remove) added.delete(remove);
});
process.on('disconnect', () => process.exit());
