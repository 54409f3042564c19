import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 allocate everything young, whatever it has learned. By default it looks at which objects survive its first
 * collections; when those fall into a burst, events on their way count as survivors, and from then on every later one
 * is put straight into the old heap, which grows by 100 MB before it is collected. For a process of its own only: the
 * setting is everyone's.
 */
export function keepHeapYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
