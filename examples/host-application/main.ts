import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { configureOpstream } from 'opstream';
import { ApplicationModule } from './application.module.js';

const app = await NestFactory.create<NestFastifyApplication>(
  ApplicationModule.with({ dataDir: './data/reports' }),
  new FastifyAdapter(),
);
configureOpstream(app);
app.enableShutdownHooks();
await app.listen(3000, '127.0.0.1');
