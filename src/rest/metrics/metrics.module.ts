import { Global, Module } from '@nestjs/common';
import { HttpMetrics } from './http.metrics.js';
import { MetricsController } from './metrics.controller.js';
import { collectDefaultMetrics, Registry } from 'prom-client';

/** One Prometheus registry per application; features add their own metrics to it. */
@Global()
@Module({
  controllers: [MetricsController],
  providers: [
    HttpMetrics,
    {
      provide: Registry,
      useFactory: () => {
        const registry = new Registry();
        collectDefaultMetrics({ register: registry });
        return registry;
      },
    },
  ],
  exports: [Registry, HttpMetrics],
})
export class MetricsModule {}
