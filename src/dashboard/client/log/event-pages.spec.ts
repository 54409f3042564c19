import { describe, expect, it } from 'vitest';
import { EventPages, PAGE_SIZE } from './event-pages.js';
import type { OperationEvent } from './sdk.js';

const events = (from: number, to: number): OperationEvent[] =>
  Array.from({ length: to - from + 1 }, (_, n) => ({ seq: from + n }) as OperationEvent);

describe('pages of events', () => {
  it('finds what is there and the first that is missing', () => {
    const pages = new EventPages();
    pages.add(events(1, 300));
    expect(pages.get(1)?.seq).toBe(1);
    expect(pages.get(300)?.seq).toBe(300);
    expect(pages.get(301)).toBeUndefined();
    expect(pages.firstMissing(1, 300)).toBeUndefined();
    expect(pages.firstMissing(1, 305)).toBe(301);
    expect(pages.firstMissing(1, 9999)).toBe(301);
    pages.add(events(310, 320));
    expect(pages.firstMissing(311, 320)).toBeUndefined();
    expect(pages.firstMissing(200, 320)).toBe(301);
  });

  it('keeps a bounded number, and what was used last', () => {
    const pages = new EventPages();
    pages.add(events(1, PAGE_SIZE));
    for (let page = 1; page < 200; page++) {
      pages.add(events(page * PAGE_SIZE + 1, (page + 1) * PAGE_SIZE));
      pages.touch(1, PAGE_SIZE);
    }
    expect(pages.size).toBe(60 * PAGE_SIZE);
    expect(pages.get(1)).toBeDefined();
    expect(pages.get(PAGE_SIZE + 1)).toBeUndefined();
    expect(pages.get(200 * PAGE_SIZE)).toBeDefined();
  });
});
