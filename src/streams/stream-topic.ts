import type { Topic } from '../streaming/delivery/topic.js';
import type { StreamEntry } from './stream.js';

/** An entry on its way to readers, with the token of the offset behind it. */
export interface DeliveredEntry extends StreamEntry {
  readonly nextOffset: string;
}

export const streamKey = (id: number): string => String(id);

/** A stream as delivery sees it: entries are its events, their seqs its cursors. */
export function streamTopic(tenant: string, key: string): Topic<DeliveredEntry> {
  return {
    tenant,
    id: key,
    key,
    contiguous: true,
    cursorOf: ({ seq }) => seq,
    isFinal: ({ closes }) => closes,
  };
}
