import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from 'vitest';
import { Configuration, configureOpstream, OpstreamModule } from '../../src/library.js';

const settings = ConfigModule.forRoot({
  ignoreEnvFile: true,
  ignoreEnvVars: true,
  load: [() => ({ limit: 7, misspelt: { maxOperation: 1 } })],
});

function application(useFactory: (config: ConfigService) => object, parts: { readonly demo?: boolean } = {}) {
  @Module({
    imports: [
      OpstreamModule.forRootAsync({ imports: [settings], inject: [ConfigService], useFactory, ...parts }),
    ],
  })
  class ApplicationModule {}
  return NestFactory.create<NestFastifyApplication>(ApplicationModule, new FastifyAdapter(), {
    logger: false,
    abortOnError: false,
  });
}

describe('library: options from the application’s own ConfigService', () => {
  let app: NestFastifyApplication | undefined;

  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  it('D-02: forRootAsync waits for the factory and serves by its options', async () => {
    app = await application(
      async (config) => ({ store: 'memory', maxOperations: await Promise.resolve(config.get('limit')) }),
      { demo: true },
    );
    configureOpstream(app);
    await app.listen(0, '127.0.0.1');
    expect(app.get(Configuration).store).toMatchObject({ kind: 'memory', maxOperations: 7 });
    const answers = await Promise.all(
      ['/api/stats', '/items/3'].map((path) => app!.inject({ method: 'GET', url: path })),
    );
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
  });

  it('D-02: an option that does not exist ends the start and is named', async () => {
    await expect(application((config) => config.getOrThrow<object>('misspelt'))).rejects.toThrow(
      'maxOperation: is not an option',
    );
  });
});

describe('library: gateways of the application on paths of Opstream', () => {
  it.each(['/hub', '/mcp'])('D-02: %s ends the start with the path named', async (path) => {
    @WebSocketGateway({ path })
    class OwnGateway {}
    @Module({ imports: [OpstreamModule.forRoot({ store: 'memory' })], providers: [OwnGateway] })
    class ApplicationModule {}
    const app = await NestFactory.create<NestFastifyApplication>(ApplicationModule, new FastifyAdapter(), {
      logger: false,
      abortOnError: false,
    });
    configureOpstream(app);
    await expect(app.listen(0, '127.0.0.1')).rejects.toThrow(`The path ${path} belongs to Opstream`);
    await app.close();
  });
});
