import { Module } from '@nestjs/common';
import { OpstreamModule } from './opstream.module.js';

/** The service: Opstream alone, configured by the environment. */
@Module({ imports: [OpstreamModule.forRoot()] })
export class AppModule {}
