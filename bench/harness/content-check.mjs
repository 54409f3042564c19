// One more subscriber, in Node: it inflates what the load generator only counts, and checks every event's content.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { token } from './contestants.mjs';

/**
 * @param {number} after newest seq published so far
 * @returns {Promise<{finish(last: number): Promise<void>}>} `finish` rejects when an event was missing or garbled
 */
export async function checkContent(port, after) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/hub`, {
    headers: { Authorization: `Bearer ${token()}` },
    perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true },
  });
  const seen = { seq: after, fault: undefined };
  ws.on('error', (error) => (seen.fault ??= error));
  ws.on('message', (/** @type {Buffer} */ data) => {
    const event = JSON.parse(data.toString());
    if (event.seq === undefined) return;
    seen.seq += 1;
    if (event.seq !== seen.seq || !/^x*$/.test(event.data.message)) {
      seen.fault ??= new Error(`garbled at seq ${seen.seq}`);
    }
  });
  await once(ws, 'open');
  ws.send('{"command":"subscribe","operation_id":"bench"}');
  await once(ws, 'message');
  return {
    async finish(last) {
      while (!seen.fault && seen.seq < last)
        await once(ws, 'message', { signal: AbortSignal.timeout(10_000) });
      ws.close();
      if (seen.fault) throw seen.fault;
    },
  };
}
