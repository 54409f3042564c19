import { Module } from '@nestjs/common';
import { Dashboard } from './dashboard.js';

/** The dashboard: a page on the SDK, and what serves it. */
@Module({ providers: [Dashboard], exports: [Dashboard] })
export class DashboardModule {}
