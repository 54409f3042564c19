import { type DynamicModule, Module } from '@nestjs/common';
import { OpstreamModule, type OpstreamOptions } from 'opstream';
import { ChatGateway } from './chat.gateway.js';
import { ReportsController } from './reports.controller.js';
import { ReportsService } from './reports.service.js';

/** An application with work that takes long, and Opstream to follow it by. */
@Module({})
export class ApplicationModule {
  static with(options: OpstreamOptions): DynamicModule {
    return {
      module: ApplicationModule,
      imports: [OpstreamModule.forRoot(options)],
      controllers: [ReportsController],
      providers: [ReportsService, ChatGateway],
    };
  }
}
