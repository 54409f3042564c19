import { clients } from '../connection/connection.js';
import { announce } from '../ui/announcer.js';

/** Saves the whole log as a file. The token goes in a header, which a plain link cannot carry. */
export async function downloadLog(operationId: string): Promise<void> {
  try {
    const path = `api/operations/${encodeURIComponent(operationId)}/log`;
    const response = await clients.value.rest.open('GET', path, { query: { timestamps: 'utc' } });
    const url = URL.createObjectURL(await response.blob());
    const link = document.createElement('a');
    link.href = url;
    link.download = `${operationId}.log`;
    link.click();
    // The browser has taken the address by the next turn.
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  } catch (thrown) {
    announce((thrown as Error).message);
  }
}
