import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { Configuration, InvalidConfigurationError } from './config/configuration.js';
import { configureService, FASTIFY_OPTIONS } from './configure-app.js';
import { createPino, PinoLogger } from './platform/logging/pino-logger.js';
import { UnusableDatabaseError } from './platform/sqlite/sqlite-database.js';

/** Starts the service and keeps the process alive; a start that cannot succeed says why and exits with code 1. */
export async function startService(): Promise<void> {
  const logger = new PinoLogger(createPino(process.env.LOG_LEVEL ?? 'info'));
  try {
    const app = await NestFactory.create<NestFastifyApplication>(
      AppModule,
      new FastifyAdapter(FASTIFY_OPTIONS),
      {
        logger,
        abortOnError: false,
        return503OnClosing: true,
      },
    );
    const { http, streaming } = app.get(Configuration);
    const adapter = configureService(app);
    logger.log(`Starting WebSocket server on ${http.host}:${http.port}`, 'Hub');
    await app.listen(http.port, http.host);
    for (const port of http.extraPorts) await adapter.listenAlso(port, http.host);
    const { port } = app.getHttpServer().address() as { port: number };
    if (streaming.enabled) {
      logger.log(`WebSocket server started on port ${port}`, 'Hub');
      logger.log(`WebSocket server started on ws://${http.host}:${port}`, 'Hub');
    }
    logger.log(`Opstream is ready on http://${http.host}:${port}`, 'Opstream');
  } catch (thrown) {
    process.stderr.write(`${explain(thrown)}\n`);
    process.exit(1);
  }
}

/** A sentence for what the operator can mend, the whole error for what is our fault. */
function explain(thrown: unknown): string {
  if (thrown instanceof InvalidConfigurationError || thrown instanceof UnusableDatabaseError)
    return thrown.message;
  if (!(thrown instanceof Error)) return String(thrown);
  const { code, port, address } = thrown as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    return `Port ${port} on ${address} is in use by another program. Stop it, or set PORT to another one.`;
  }
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} may not be used by this user (${address}).`;
  if (code === 'EADDRNOTAVAIL') return `HOST=${address} is no address of this machine.`;
  return thrown.stack ?? thrown.message;
}
