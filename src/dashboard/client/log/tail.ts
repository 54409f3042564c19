/**
 * When the log follows its tail. A reader who scrolls up is reading: nothing but his own return to the end brings him
 * back there.
 */
export interface Tail {
  readonly following: boolean;
  /** What came while the reader was elsewhere. */
  readonly unseenLines: number;
  readonly unseenErrors: number;
}

export type TailEvent =
  /** The log was opened; a link to a line shows that line instead of the end. */
  | { readonly type: 'opened'; readonly running: boolean; readonly atLine: boolean }
  /** By wheel, touch, keys, scroll bar, a search hit or a link. */
  | { readonly type: 'scrolled'; readonly direction: 'up' | 'down'; readonly atEnd: boolean }
  /** The End key, the button, or the key f while not following. */
  | { readonly type: 'to_end' }
  /** The key f while following. */
  | { readonly type: 'paused' }
  | { readonly type: 'appended'; readonly lines: number; readonly errors: number }
  | { readonly type: 'resized' | 'filtered' | 'reconnected' | 'ended' };

export const NOT_FOLLOWING: Tail = { following: false, unseenLines: 0, unseenErrors: 0 };
export const FOLLOWING: Tail = { following: true, unseenLines: 0, unseenErrors: 0 };

export function nextTail(tail: Tail, event: TailEvent): Tail {
  switch (event.type) {
    case 'opened':
      return event.running && !event.atLine ? FOLLOWING : NOT_FOLLOWING;
    case 'scrolled':
      if (event.direction === 'up') return tail.following ? NOT_FOLLOWING : tail;
      return event.atEnd ? FOLLOWING : tail;
    case 'to_end':
      return FOLLOWING;
    case 'paused':
      return tail.following ? NOT_FOLLOWING : tail;
    case 'appended':
      if (tail.following || event.lines === 0) return tail;
      return {
        following: false,
        unseenLines: tail.unseenLines + event.lines,
        unseenErrors: tail.unseenErrors + event.errors,
      };
    case 'resized':
    case 'filtered':
    case 'reconnected':
    case 'ended':
      return tail;
    default:
      return event satisfies never;
  }
}

/** What the button at the lower edge says; undefined when there is nothing new. */
export function unseenText({ following, unseenLines, unseenErrors }: Tail): string | undefined {
  if (following || unseenLines === 0) return undefined;
  const lines = `${unseenLines.toLocaleString('en')} new ${unseenLines === 1 ? 'line' : 'lines'}`;
  if (unseenErrors === 0) return lines;
  return `${lines}, ${unseenErrors.toLocaleString('en')} ${unseenErrors === 1 ? 'error' : 'errors'}`;
}
