// The real application with two tools more: an echo that is recorded as an operation, one that is not, and a tool that
// reports progress as fast as it is taken.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { z } from 'zod';
import { configureService, FASTIFY_OPTIONS } from '../../dist/configure-app.js';
import { defineTool } from '../../dist/mcp/tools/tool-definition.js';
import { ToolRegistry } from '../../dist/mcp/tools/tool-registry.js';
import { OpstreamModule } from '../../dist/opstream.module.js';
import { answerLines, cpuMicroseconds } from '../harness/answer-lines.mjs';

const dataDir = mkdtempSync(join(tmpdir(), 'opstream-bench-'));
process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }));

const app = await NestFactory.create(
  OpstreamModule.forRoot({ dataDir, port: 0, logLevel: 'warn' }),
  new FastifyAdapter(FASTIFY_OPTIONS),
  { logger: ['error', 'warn'], abortOnError: false },
);
configureService(app);
const Text = z.object({ text: z.string() });
const Count = z.object({ count: z.number() });
const echo = ({ text }) => text;
const progress = async ({ count }, { reportProgress }) => {
  for (let n = 1; n <= count; n++) await reportProgress({ progress: n, total: count });
  return 'done';
};
app
  .get(ToolRegistry)
  .add(
    defineTool({ name: 'echo', description: 'Echo', parameters: Text, record: false }, echo),
    defineTool({ name: 'echo_recorded', description: 'Echo', parameters: Text }, echo),
    defineTool({ name: 'progress', description: 'Progress', parameters: Count, record: false }, progress),
    defineTool({ name: 'progress_recorded', description: 'Progress', parameters: Count }, progress),
  );
await app.listen(0, '127.0.0.1');
await answerLines(
  { cpu: () => ({ cpu_us: cpuMicroseconds() }) },
  { port: app.getHttpServer().address().port },
);
