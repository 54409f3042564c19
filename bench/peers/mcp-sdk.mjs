// The official SDK v2 on node:http: sessions with JSON answers in one mode, 2026-07-28 in the other.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, isInitializeRequest, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { answerLines, cpuMicroseconds } from '../harness/answer-lines.mjs';

function makeServer() {
  const server = new McpServer({ name: 'sdk', version: '1' }, { capabilities: { tools: {} } });
  server.registerTool(
    'echo',
    { description: 'Echo', inputSchema: z.object({ text: z.string() }) },
    ({ text }) => ({
      content: [{ type: 'text', text }],
    }),
  );
  server.registerTool(
    'progress',
    { description: 'Progress', inputSchema: z.object({ count: z.number() }) },
    async ({ count }, context) => {
      const { progressToken } = context.mcpReq._meta;
      for (let n = 1; n <= count; n++) {
        await context.mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken, progress: n, total: count },
        });
      }
      return { content: [{ type: 'text', text: 'done' }] };
    },
  );
  return server;
}

const modern = toNodeHandler(createMcpHandler(makeServer, { legacy: 'reject' }));
const transports = new Map();

async function withSession(request, response, body) {
  const known = transports.get(request.headers['mcp-session-id']);
  if (known) return known.handleRequest(request, response, body);
  if (!isInitializeRequest(body)) return response.writeHead(400).end();
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: process.env.MCP_JSON === '1',
    onsessioninitialized: (id) => void transports.set(id, transport),
  });
  await makeServer().connect(transport);
  return transport.handleRequest(request, response, body);
}

const server = createServer((request, response) => {
  if (request.headers['mcp-protocol-version'] === '2026-07-28') {
    void modern(request, response);
    return;
  }
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => void withSession(request, response, JSON.parse(Buffer.concat(chunks).toString())));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
await answerLines({ cpu: () => ({ cpu_us: cpuMicroseconds() }) }, { port: server.address().port });
