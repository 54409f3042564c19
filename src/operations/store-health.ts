import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';
import { HealthIndicators } from '../rest/health/health-indicators.js';
import { OperationStore } from './operation-store.js';

/** What an operator sees of the store: its health, and how often it failed. */
@Injectable()
export class StoreHealthReporter {
  constructor(store: OperationStore, indicators: HealthIndicators, registry: Registry) {
    indicators.register('store', () => store.health());
    const errors = new Counter({
      name: 'opstream_store_errors_total',
      help: 'Failures of the store, by code; "damaged" counts rows that are not what was recorded',
      labelNames: ['code'],
      registers: [registry],
    });
    store.onFailure = (code) => errors.inc({ code });
  }
}
