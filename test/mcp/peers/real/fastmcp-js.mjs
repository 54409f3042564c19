/** fast-mcp of JavaScript as a peer. Arguments: directory of the packages, port, `stateless` or `sessions`. */
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [, , directory, port, mode] = process.argv;
const resolve = createRequire(`${directory}/package.json`).resolve;
const { FastMCP } = await import(pathToFileURL(resolve('fastmcp')).href);
const { z } = await import(pathToFileURL(resolve('zod')).href);

const server = new FastMCP({ name: 'fastmcp-js', version: '1.0.0', health: { enabled: false } });
server.addTool({
  name: 'echo',
  description: 'Says it again',
  parameters: z.object({ text: z.string() }),
  execute: async ({ text }) => text,
});
server.addTool({
  name: 'count',
  description: 'Counts with progress and log lines',
  parameters: z.object({ to: z.number(), every_ms: z.number() }),
  execute: async ({ to, every_ms }, { log, reportProgress }) => {
    for (let n = 1; n <= to; n++) {
      await reportProgress({ progress: n, total: to });
      log.info(`line ${n} of ${to}`);
      await delay(every_ms);
    }
    return `counted to ${to}`;
  },
});
await server.start({
  transportType: 'httpStream',
  httpStream: { port: Number(port), host: '127.0.0.1', stateless: mode === 'stateless' },
});
