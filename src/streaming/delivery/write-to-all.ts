import { writeSync } from 'node:fs';
import type { Sink } from './sink.js';

/**
 * Writes the same bytes to many sinks, directly to their file descriptors where possible: Node's stream machinery
 * costs a third of the system call and an allocation per write. All descriptors are looked up before the first write.
 * A lookup touches half a dozen objects, which interleaved system calls would evict from the CPU cache each time.
 *
 * @param receivers each sink at most once
 * @returns the receivers that have too much pending already; nothing was written to them
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
    // EAGAIN: the kernel's buffer is full. The ordinary write runs into any other error again and reports it.
    return 0;
  }
}
