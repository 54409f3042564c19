import { readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** How long one reading of the tables is shared. */
const SHARED_MS = 100;
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];

let reading: Promise<ReadonlyMap<string, number>> | undefined;

/**
 * Bytes in the kernel's send queue that the reader's system has not acknowledged; undefined where the system does not
 * reveal it (Linux does). The kernel takes more in steps of a third of its buffer, which can be megabytes. For a slow
 * reader that takes seconds, during which only this number moves.
 */
export async function kernelQueue(socket: Socket | null | undefined): Promise<number | undefined> {
  const inode = inodeOf(socket);
  if (inode === undefined) return undefined;
  reading ??= readTables().finally(() => setTimeout(() => (reading = undefined), SHARED_MS).unref());
  return (await reading).get(inode);
}

/** @returns the socket's inode, as in `/proc` */
function inodeOf(socket: Socket | null | undefined): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const { fd = -1 } = (socket as { _handle?: { fd?: number } | null } | null | undefined)?._handle ?? {};
  if (fd < 0) return undefined;
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  } catch {
    return undefined;
  }
}

async function readTables(): Promise<ReadonlyMap<string, number>> {
  const queues = new Map<string, number>();
  for (const table of TABLES) {
    const text = await readFile(table, 'latin1').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      // sl, local, remote, state, tx:rx, timer:when, retransmits, uid, timeout, inode
      const fields = line.trim().split(/ +/);
      const [, , , , queued, , , , , inode] = fields;
      if (queued !== undefined && inode !== undefined && inode !== '0')
        queues.set(inode, parseInt(queued, 16));
    }
  }
  return queues;
}
