import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, Logger, Post } from '@nestjs/common';
import { ReportsService } from './reports.service.js';

/** The application's own routes; Opstream's stand beside them under /api, /hub, /mcp and so on. */
@Controller()
export class ReportsController {
  private readonly logger = new Logger(ReportsController.name);

  constructor(private readonly reports: ReportsService) {}

  @Get('hello')
  hello() {
    return { hello: 'from the host application' };
  }

  /** Starts the work and answers at once with the id to follow it by, which may be subscribed to already. */
  @Post('reports')
  build(@Body() { title = 'Untitled', rows = 10 }: { title?: string; rows?: number }) {
    const operationId = randomUUID();
    this.reports
      .build(operationId, title, rows)
      // The operation tells its followers of a failure; the application may want to know, too.
      .catch((error: unknown) => this.logger.warn(`Report ${operationId}: ${String(error)}`));
    return { operation_id: operationId };
  }

  @Post('imports')
  async import(@Body() { source = '' }: { source?: string }) {
    return { rows: await this.reports.importRows(source) };
  }

  @Post('checks')
  check(@Body() { title = '' }: { title?: string }) {
    return this.reports.check(title);
  }
}
