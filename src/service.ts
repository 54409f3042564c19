import { type DynamicModule, Logger, type LoggerService, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { Configuration, InvalidConfigurationError } from './config/configuration.js';
import { configureService, FASTIFY_OPTIONS } from './configure-app.js';
import { LOG_LEVELS, settingsWithoutEffect } from './config/environment.js';
import { LogOutput } from './platform/logging/log-output.js';
import { createPino, PinoLogger } from './platform/logging/pino-logger.js';
import { readableLine } from './platform/logging/readable-line.js';
import { endProcess } from './platform/lifecycle/end-process.js';
import { LAST_LINES_MS, stopOnSignal } from './platform/lifecycle/stop-on-signal.js';
import { keepHeapYoung } from './platform/lifecycle/young-heap.js';
import { UnusableDatabaseError } from './platform/sqlite/inspect-database.js';
import { addressesOf, authority } from './rest/server/addresses.js';
import type { OpstreamWsAdapter } from './streaming/upgrade/opstream-ws.adapter.js';
import { LISTEN_BACKLOG } from './rest/server/server-options.js';

/** Nest components that log every module and route. */
const SETTING_UP = new Set<unknown>(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer']);

/** Nest's startup log lines, reduced to what matters. */
class ServiceLogger extends PinoLogger {
  /** At start, log only where the service listens; how it was assembled is debug detail. */
  override log(message: unknown, ...rest: unknown[]): void {
    if (SETTING_UP.has(rest.at(-1))) super.debug(message, ...rest);
    else super.log(message, ...rest);
  }

  /** Nest logs a failed start with its stack; `explain` logs it once, in words. */
  override error(message: unknown, ...rest: unknown[]): void {
    const startFailed =
      rest.at(-1) === 'ExceptionHandler' ||
      (rest.at(-1) === 'NestApplication' && String(message).startsWith('Error: listen'));
    if (!startFailed) super.error(message, ...rest);
  }
}

/** Starts the service and keeps the process alive; a start that fails logs the reason and exits with code 1. */
export async function startService(): Promise<void> {
  keepHeapYoung();
  // Standard error may be closed when a start fails.
  process.stderr.on('error', () => {});
  const output = LogOutput.standard(process.stdout.isTTY ? readableLine : undefined);
  try {
    // An invalid level is reported with every other invalid setting once the configuration is read.
    const level = LOG_LEVELS.find((known) => known === process.env.LOG_LEVEL) ?? 'info';
    const logger = new ServiceLogger(createPino(level, output));
    const starting = openService(AppModule, logger);
    stopOnSignal(starting, output);
    await starting;
  } catch (thrown) {
    await output.flush(LAST_LINES_MS);
    process.stderr.write(`${explain(thrown)}\n`);
    endProcess(1);
  }
}

/**
 * Creates the application and listens on every port; end-to-end tests start the service the same way.
 * @param logger when omitted, Nest's own is kept
 * @throws InvalidConfigurationError, UnusableDatabaseError, or the system error when a port is unavailable
 */
export async function openService(
  root: Type | DynamicModule,
  logger?: LoggerService | false,
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(FASTIFY_OPTIONS), {
    ...(logger !== undefined && { logger }),
    abortOnError: false,
    return503OnClosing: true,
    // Fastify's parser reads JSON; Nest's would add one for forms, whose fields are all text.
    bodyParser: false,
  });
  try {
    await listen(app);
    return app;
  } catch (thrown) {
    await app.close();
    throw thrown;
  }
}

async function listen(app: NestFastifyApplication): Promise<void> {
  const { http, streaming } = app.get(Configuration);
  const adapter = configureService(app);
  const log = new Logger('Hub');
  if (streaming.enabled) log.log(`Starting WebSocket server on ${authority(http.host, http.port)}`);
  const [address = http.host, ...further] = await addressesOf(http.host);
  await app.listen({ port: http.port, host: address, backlog: LISTEN_BACKLOG });
  const { port } = app.getHttpServer().address() as { port: number };
  for (const host of further) await listenWhereItIs(adapter, port, host);
  for (const extra of http.extraPorts) {
    await adapter.listenAlso(extra, address);
    for (const host of further) await listenWhereItIs(adapter, extra, host);
  }
  if (streaming.enabled) {
    log.log(`WebSocket server started on port ${port}`);
    log.log(`WebSocket server started on ws://${authority(http.host, port)}`);
    log.log(`WebSocket server running on path: ${streaming.agentsPath}`);
  }
  const logger = new Logger('Opstream');
  for (const name of settingsWithoutEffect(process.env)) logger.warn(`${name} is set, but has no effect`);
  logger.log(`Server running on port ${[port, ...http.extraPorts].join(', ')}`);
  logger.log(`Opstream is ready on http://${authority(http.host, port)}`);
}

/** A name may resolve to an address this machine does not have, such as ::1 without IPv6. */
async function listenWhereItIs(adapter: OpstreamWsAdapter, port: number, host: string): Promise<void> {
  try {
    await adapter.listenAlso(port, host);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw thrown;
  }
}

/** One sentence for what the operator can fix, the whole error for our own bugs. */
function explain(thrown: unknown): string {
  const problem = startProblem(thrown);
  if (problem !== undefined) return problem;
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}

/** Why a start failed, in one sentence, when the operator can fix it. */
export function startProblem(thrown: unknown): string | undefined {
  if (thrown instanceof InvalidConfigurationError || thrown instanceof UnusableDatabaseError)
    return thrown.message;
  if (!(thrown instanceof Error)) return undefined;
  const { code, port, address } = thrown as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    return `Port ${port} on ${address} is in use by another program. Stop it, or set another one (PORT, EXTRA_PORTS).`;
  }
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} may not be used by this user (${address}).`;
  if (code === 'EADDRNOTAVAIL') return `HOST=${address} is not an address of this machine.`;
  return undefined;
}
