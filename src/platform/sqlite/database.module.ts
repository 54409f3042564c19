import { join } from 'node:path';
import { Module } from '@nestjs/common';
import type Database from 'better-sqlite3';
import { Configuration } from '../../config/configuration.js';
import { openDatabase } from './sqlite-database.js';

/** The service's one database file, shared by its features; undefined when nothing is stored on disk. */
export class SharedDatabase {
  constructor(readonly connection: Database.Database | undefined) {}
}

function openShared({ store }: Configuration): SharedDatabase {
  if (store.kind === 'memory') return new SharedDatabase(undefined);
  return new SharedDatabase(openDatabase(join(store.dataDir, 'opstream.db'), store.durability));
}

@Module({
  providers: [{ provide: SharedDatabase, useFactory: openShared, inject: [Configuration] }],
  exports: [SharedDatabase],
})
export class DatabaseModule {}
