import { eventually } from './eventually.js';
import type { InstalledClient, Said } from './installed-client.js';
import { RestClient } from './rest-client.js';
import type { ServiceProcess } from './service-process.js';

/** What a client said before and after the restart of the service, or why it could not. */
export type Outcome = { readonly before: Said; readonly after: Said } | { readonly failed: unknown };

/** Whether the call of `processData` with this size, which tells whose it is, still runs. */
async function isRunning(service: ServiceProcess, size: number): Promise<boolean> {
  const { body } = await new RestClient(service.url).get<{
    operations: { metadata: { arguments?: { datasetSize?: number } } }[];
  }>('/api/operations?status=active&limit=500');
  return body.operations.some(({ metadata }) => metadata.arguments?.datasetSize === size);
}

/** Milliseconds; many clients at once leave little of a core to each. */
const CANCEL_MS = 20_000;

/**
 * Lets clients use the service side by side, restarts it once, and lets them go on.
 * @param start begins a client, which is to cancel a call of `processData` with this size
 * @param cancelsHere whether that call must end here
 */
export async function overOneRestart<Row>(
  service: ServiceProcess,
  rows: readonly Row[],
  start: (row: Row, size: number) => Promise<InstalledClient>,
  cancelsHere: (row: Row) => boolean,
): Promise<Map<Row, Outcome>> {
  const outcomes = new Map<Row, Outcome>();
  const clients = new Map<Row, InstalledClient>();
  const begin = async (row: Row, size: number): Promise<Said> => {
    const client = await start(row, size);
    clients.set(row, client);
    const before = await client.says();
    if (cancelsHere(row)) {
      const ended = async (): Promise<boolean> => !(await isRunning(service, size));
      await eventually('its call is cancelled here', ended, CANCEL_MS);
    }
    return before;
  };
  const failed = (row: Row) => (thrown: unknown) => void outcomes.set(row, { failed: thrown });
  try {
    const said = new Map<Row, Said>();
    await Promise.all(
      rows.map((row, index) =>
        begin(row, 5000 + index).then((before) => void said.set(row, before), failed(row)),
      ),
    );
    await service.terminate();
    await service.restart();
    await Promise.all(
      [...said].map(([row, before]) => {
        const client = clients.get(row)!;
        client.go();
        return client.says().then((after) => void outcomes.set(row, { before, after }), failed(row));
      }),
    );
  } finally {
    for (const client of clients.values()) client.stop();
  }
  return outcomes;
}
