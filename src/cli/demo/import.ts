import { demonstrate, type DemoContext } from './demo-work.js';

const ROWS = 400;
const PAUSE_MS = 40;
const BATCH = 5;

/** A file as it comes from elsewhere: one of its rows has no address. */
function csv(): string {
  const rows = Array.from({ length: ROWS }, (_, n) => {
    const email = n === 310 ? '' : `customer${n + 1}@example.com`;
    return `${n + 1},Customer ${n + 1},${email}`;
  });
  return ['id,name,email', ...rows].join('\n');
}

class ValidationError extends Error {
  override readonly name = 'ValidationError';
}

/** Reads a file row by row, and fails where it is wrong. */
export function importCustomers(context: DemoContext): Promise<{ rows: number } | Error | undefined> {
  return demonstrate(context, 'demo/import', { file: 'customers.csv' }, async (job, pause) => {
    const [header = '', ...rows] = csv().split('\n');
    job.log('info', `Columns: ${header}`);
    for (const [index, row] of rows.entries()) {
      const [id, name, email] = row.split(',');
      if (!email?.includes('@')) {
        job.log('error', `Row ${index + 2}: the column "email" is empty`, { row });
        throw new ValidationError(`Row ${index + 2} (${name}): "email" is empty, expected an address`);
      }
      job.log('debug', `Row ${index + 2}: customer ${id}`);
      if (index % BATCH !== 0) continue;
      job.progress(index / rows.length, `${index} of ${rows.length} rows`);
      await pause(PAUSE_MS * BATCH);
    }
    return { rows: rows.length };
  });
}
