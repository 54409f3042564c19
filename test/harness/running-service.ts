import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoggerService, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Configuration } from '../../src/config/configuration.js';
import { OpstreamModule } from '../../src/opstream.module.js';
import { openService } from '../../src/service.js';
import { HubClient, type HubClientOptions } from './hub-client.js';
import { JsonSocket } from './json-socket.js';
import { RestClient } from './rest-client.js';
import { sign } from './tokens.js';

/** Settings by the names of the environment variables; whatever is not given has its default. */
export type Settings = Readonly<Record<string, string>>;

class ServiceUnderTest {}

/** The whole service in this process, on a free port and with a data directory of its own. */
export class RunningService {
  readonly rest: RestClient;
  private readonly clients: { terminate(): void }[] = [];

  private constructor(
    readonly app: NestFastifyApplication,
    readonly port: number,
    private readonly settings: Settings,
    private readonly dataDir: string,
  ) {
    this.rest = new RestClient(this.http);
  }

  /**
   * @param settings `DATA_DIR` is a fresh one unless it is given; then it outlives the service
   * @param modules what the test adds, e.g. a module with tools of its own
   * @param logger takes what the service writes down; by default nothing is
   */
  static async start(
    settings: Settings = {},
    modules: readonly Type[] = [],
    logger: LoggerService | false = false,
  ): Promise<RunningService> {
    const dataDir = settings.DATA_DIR ?? (await mkdtemp(join(tmpdir(), 'opstream-')));
    const all = { PORT: '0', DATA_DIR: dataDir, ...settings };
    const imports = [OpstreamModule.withConfiguration(Configuration.fromEnvironment(all)), ...modules];
    const app = await openService({ module: ServiceUnderTest, imports }, logger);
    const { port } = app.getHttpServer().address() as { port: number };
    return new RunningService(app, port, settings, dataDir);
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get ws(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get<T>(token: Type<T> | (abstract new (...parameters: never[]) => T)): T {
    return this.app.get(token);
  }

  /** A client of the agents protocol with a token of these claims; it has read its welcome. */
  async agent(claims: Record<string, unknown> = { id: 'agent' }): Promise<JsonSocket> {
    const client = await JsonSocket.connect(`${this.ws}/agents?token=${await sign(claims)}`);
    this.clients.push(client);
    await client.next();
    return client;
  }

  /** A client of the hub that has read its welcome; closed with the service at the latest. */
  async hub(path = '/hub', options?: HubClientOptions): Promise<HubClient> {
    const client = await HubClient.connect(this.ws + path, options);
    this.clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.terminate();
    await this.app.close();
    if (this.settings.DATA_DIR === undefined) await rm(this.dataDir, { recursive: true, force: true });
  }
}
