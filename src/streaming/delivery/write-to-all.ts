import { writeSync } from 'node:fs';
import type { Sink } from './sink.js';

/**
 * Writes the same bytes to many sinks, straight to their descriptors where they have one: Node's stream machinery costs
 * as much as a third of the system call and an allocation per write. The descriptors are looked up for all before the
 * first write, because a lookup goes through half a dozen objects that the system calls would have pushed out of the
 * processor's cache, one after another.
 *
 * @param receivers each sink at most once
 * @returns the receivers that have too much waiting already; nothing was written to them
 */
export function writeToAll<T extends { readonly sink: Sink }>(receivers: readonly T[], bytes: Buffer): T[] {
  const descriptors = receivers.map(({ sink }) => sink.descriptor);
  const refused: T[] = [];
  for (let index = 0; index < descriptors.length; index++) {
    const written = descriptors[index]! < 0 ? 0 : tryWrite(descriptors[index]!, bytes);
    if (written === bytes.length) continue;
    const receiver = receivers[index]!;
    if (written > 0) receiver.sink.write(bytes.subarray(written));
    else if (!receiver.sink.offer(bytes)) refused.push(receiver);
  }
  return refused;
}

/** @returns how many bytes the kernel took */
function tryWrite(descriptor: number, bytes: Buffer): number {
  try {
    return writeSync(descriptor, bytes);
  } catch {
    // EAGAIN: the kernel's buffer is full. Anything else the ordinary write meets again, and reports.
    return 0;
  }
}
