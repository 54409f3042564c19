import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { currentOperation, OperationsService, ProgressTracker, StreamOperation } from 'opstream';

export interface Report {
  readonly title: string;
  readonly rows: number;
}

/** Work that takes its time, in the three ways to report on it. */
@Injectable()
export class ReportsService {
  constructor(private readonly operations: OperationsService) {}

  /** `operations.run`: the scope is at hand; what the work returns is the operation's result. */
  build(operationId: string, title: string, rows: number): Promise<Report> {
    return this.operations.run(
      'build_report',
      { operationId, metadata: { title, rows } },
      async (operation) => {
        await operation.status('collecting', `${rows} rows`);
        for (let row = 1; row <= rows; row++) {
          // Rejects when somebody cancels the operation, over whichever face.
          await sleep(20, undefined, { signal: operation.signal });
          await operation.progress(row / rows, `Row ${row} of ${rows}`);
        }
        return { title, rows };
      },
    );
  }

  /** `@StreamOperation`: every call is an operation, and code however deep below finds it. */
  @StreamOperation('import_rows', (source: string) => ({ source }))
  async importRows(source: string): Promise<number> {
    const lines = await this.read(source);
    if (lines.length === 0) throw new RangeError(`${source} is empty`);
    return lines.length;
  }

  /** `ProgressTracker`: progress by counting steps. */
  check(title: string): Promise<{ readonly valid: boolean }> {
    return this.operations.run('check_report', { metadata: { title } }, async (operation) => {
      const tracker = new ProgressTracker(operation, 3);
      for (const step of ['Totals', 'Dates', 'Signatures']) await tracker.step(step);
      return { valid: title.length > 0 };
    });
  }

  private async read(source: string): Promise<string[]> {
    await currentOperation().log('info', `Reading ${source}`);
    return source.split(',').filter((line) => line !== '');
  }
}
