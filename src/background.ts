import type { LoggerService } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { OperationsService } from './operations/operations.service.js';
import type { OpstreamOptions } from './config/options.js';
import { OpstreamModule } from './opstream.module.js';
import { authority } from './rest/server/addresses.js';
import { openService, startProblem } from './service.js';
import { HubStatus } from './streaming/commands/status.js';

/** Starts and stops the whole service from code, inside a program that is not a Nest application. */

/** Sockets are part of the package; `isWebSocketRunning` tells whether they are being served. */
export const WEBSOCKETS_AVAILABLE = true;

export interface BackgroundOptions {
  /** Default 127.0.0.1; any other address requires a key. */
  readonly host?: string;
  /** Default 8765; 0 picks a free port. */
  readonly port?: number;
  /** Further options; the environment is not read. */
  readonly settings?: OpstreamOptions;
  /** Where the log goes. Discarded by default: standard output belongs to the host program. */
  readonly logger?: LoggerService | false;
}

export interface BackgroundService {
  readonly port: number;
  /** Base URL of REST; the hub has the same with `ws:`. */
  readonly url: string;
  /** Creates operations and records their events. */
  readonly operations: OperationsService;
}

let service: Promise<NestFastifyApplication> | undefined;
/** The most recently started service, even after it has stopped. */
let started: NestFastifyApplication | undefined;

/**
 * Starts the service in this process without blocking it. While it runs, another call returns the same service.
 * @throws InvalidConfigurationError, UnusableDatabaseError, or an Error that explains why the port is unavailable,
 *   with the system error as its cause
 */
export async function startWebSocketBackground(options: BackgroundOptions = {}): Promise<BackgroundService> {
  const { host = '127.0.0.1', port = 8765, settings, logger = false } = options;
  const starting = (service ??= open({ ...settings, host, port }, logger));
  try {
    started = await starting;
  } catch (thrown) {
    if (service === starting) service = undefined;
    throw thrown;
  }
  const app = started;
  const address = app.getHttpServer().address() as { address: string; port: number };
  return {
    port: address.port,
    url: `http://${authority(address.address, address.port)}`,
    operations: app.get(OperationsService),
  };
}

/**
 * Shuts down gracefully: clients are notified and accepted events are stored. Does nothing when no service is running.
 */
export async function stopWebSocketBackground(): Promise<void> {
  const stopping = service;
  service = undefined;
  const app = await stopping?.catch(() => undefined);
  await app?.close();
}

export function isWebSocketRunning(): boolean {
  return started?.get(HubStatus).running ?? false;
}

async function open(
  settings: OpstreamOptions,
  logger: LoggerService | false,
): Promise<NestFastifyApplication> {
  try {
    return await openService(OpstreamModule.forRoot(settings), logger);
  } catch (thrown) {
    const problem = startProblem(thrown);
    if (problem === undefined || (thrown as Error).message === problem) throw thrown;
    throw Object.assign(new Error(problem, { cause: thrown }), { code: (thrown as { code?: unknown }).code });
  }
}
