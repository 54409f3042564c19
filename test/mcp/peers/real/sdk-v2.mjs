/** The official SDK v2 as a peer without sessions. Arguments: port, `legacy` option of its handler. */
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const [, , port, legacy] = process.argv;
const text = (value) => ({ content: [{ type: 'text', text: value }] });
const handler = createMcpHandler(
  () => {
    const server = new McpServer({ name: 'sdk-v2', version: '1' }, { capabilities: { logging: {} } });
    server.registerTool(
      'echo',
      { description: 'Says it again', inputSchema: z.object({ text: z.string() }) },
      ({ text: said }) => text(said),
    );
    const counted = {
      description: 'Counts',
      inputSchema: z.object({ to: z.number(), every_ms: z.number() }),
    };
    server.registerTool('count', counted, async ({ to, every_ms }, { mcpReq }) => {
      for (let n = 1; n <= to && !mcpReq.signal.aborted; n++) {
        const progressToken = mcpReq._meta?.progressToken;
        if (progressToken !== undefined) {
          await mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress: n, total: to },
          });
        }
        await mcpReq.notify({
          method: 'notifications/message',
          params: { level: 'info', data: `line ${n} of ${to}` },
        });
        await delay(every_ms);
      }
      return text(`counted to ${to}`);
    });
    return server;
  },
  { legacy },
);

async function serve(request, response) {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const hasBody = request.method === 'POST';
  const answer = await handler.fetch(
    new Request(`http://127.0.0.1${request.url}`, {
      method: request.method,
      headers: request.headers,
      signal: gone.signal,
      ...(hasBody && { body: Readable.toWeb(request), duplex: 'half' }),
    }),
  );
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).flushHeaders();
  if (!answer.body) return response.end();
  const body = Readable.fromWeb(answer.body);
  body.on('error', () => response.end());
  response.on('close', () => body.destroy());
  body.pipe(response);
}

createServer((request, response) => void serve(request, response)).listen(Number(port), '127.0.0.1');
