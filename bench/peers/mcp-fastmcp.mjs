// fastmcp with sessions, as its README starts it.
import { FastMCP } from 'fastmcp';
import { z } from 'zod';
import { answerLines, cpuMicroseconds } from '../harness/answer-lines.mjs';

const port = 20_000 + (process.pid % 20_000);
const silent = () => {};
const server = new FastMCP({
  name: 'fastmcp',
  version: '1.0.0',
  ping: { enabled: false },
  logger: { debug: silent, info: silent, log: silent, warn: silent, error: console.error },
});
server.addTool({
  name: 'echo',
  description: 'Echo',
  parameters: z.object({ text: z.string() }),
  execute: async ({ text }) => text,
});
server.addTool({
  name: 'progress',
  description: 'Progress',
  parameters: z.object({ count: z.number() }),
  execute: async ({ count }, { reportProgress }) => {
    for (let n = 1; n <= count; n++) await reportProgress({ progress: n, total: count });
    return 'done';
  },
});
// It writes its own lines to stdout, where ours are the answers.
console.info = console.error;
const { log } = console;
console.log = console.error;
await server.start({
  transportType: 'httpStream',
  httpStream: { port, host: '127.0.0.1', endpoint: '/mcp' },
});
console.log = log;
await answerLines({ cpu: () => ({ cpu_us: cpuMicroseconds() }) }, { port });
