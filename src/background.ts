import type { LoggerService } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { OperationsService } from './operations/operations.service.js';
import type { OpstreamOptions } from './config/options.js';
import { OpstreamModule } from './opstream.module.js';
import { authority } from './rest/server/addresses.js';
import { openService, startProblem } from './service.js';
import { HubStatus } from './streaming/commands/status.js';

/** Starts and stops the whole service from code, inside a program that is not a Nest application. */

/** The socket side is part of the package; whether it is served now, `isWebSocketRunning` tells. */
export const WEBSOCKETS_AVAILABLE = true;

export interface BackgroundOptions {
  /** Default 127.0.0.1; other addresses want a key, as everywhere. */
  readonly host?: string;
  /** Default 8765; 0 takes a free one. */
  readonly port?: number;
  /** Further options; the environment itself is not read. */
  readonly settings?: OpstreamOptions;
  /** Where the service's log goes; nowhere by default: standard output belongs to the program. */
  readonly logger?: LoggerService | false;
}

export interface BackgroundService {
  readonly port: number;
  /** Address of REST; the hub is at the same with `ws:`. */
  readonly url: string;
  /** Opens operations and records their events. */
  readonly operations: OperationsService;
}

let service: Promise<NestFastifyApplication> | undefined;
/** The one that has started last, also after its end. */
let started: NestFastifyApplication | undefined;

/**
 * Starts the service in this process, which goes on with its own work. While it runs, another start gives the same.
 * @throws InvalidConfigurationError, UnusableDatabaseError, or an Error that says why the port cannot be had, with the
 *   system's as its cause
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

/** Ends it in order: clients are told, and what was accepted is stored. Without a running one nothing happens. */
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
