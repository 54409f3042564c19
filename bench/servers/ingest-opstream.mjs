// The real application. `record` calls OperationsService, as a host application does: every event validated, recorded,
// acknowledged by its own promise. The REST and hub faces are reached through the port.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { configureService, FASTIFY_OPTIONS } from '../../dist/configure-app.js';
import { OperationsService } from '../../dist/operations/operations.service.js';
import { OpstreamModule } from '../../dist/opstream.module.js';
import { answerLines, cpuMicroseconds, repeatFor } from '../harness/answer-lines.mjs';
import { MESSAGE, OPERATIONS, operationId } from './ingest-shape.mjs';

const TENANT = 'default';
const dataDir = mkdtempSync(join(tmpdir(), 'opstream-bench-'));
process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }));

const app = await NestFactory.create(
  OpstreamModule.forRoot({
    dataDir,
    port: 0,
    logLevel: 'warn',
    durability: process.env.DURABILITY ?? 'normal',
  }),
  new FastifyAdapter(FASTIFY_OPTIONS),
  { logger: ['error', 'warn'], abortOnError: false },
);
configureService(app);
await app.listen(0, '127.0.0.1');
const operations = app.get(OperationsService);
for (let n = 0; n < OPERATIONS; n++) {
  await operations.create(TENANT, { operationType: 'bench', operationId: operationId(n) });
}

let next = 0;
const recordBatch = (size) =>
  Promise.all(
    Array.from({ length: size }, () =>
      operations.log({ tenant: TENANT, operationId: operationId(next++) }, 'info', MESSAGE),
    ),
  );

await answerLines(
  {
    record: (batch, seconds) => repeatFor(Number(seconds), Number(batch), () => recordBatch(Number(batch))),
    cpu: () => ({ cpu_us: cpuMicroseconds() }),
  },
  { port: app.getHttpServer().address().port },
);
