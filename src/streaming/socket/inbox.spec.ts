import { expect, it, vi } from 'vitest';
import type { Connection } from './connection.js';
import { Inbox } from './inbox.js';

const FAULT = new Error('a fault of ours');

it.each<[string, () => Promise<void> | undefined]>([
  [
    'at once',
    () => {
      throw FAULT;
    },
  ],
  ['later', () => Promise.reject(FAULT)],
])(
  'a handler that fails %s ends its connection with 1011, and is given nothing more',
  async (_when, fail) => {
    const close = vi.fn();
    const connection = {
      close,
      hold: () => {},
      release: () => {},
      room: () => undefined,
    } as unknown as Connection;
    const handled: string[] = [];
    const faults: unknown[] = [];
    const inbox = new Inbox(
      connection,
      (frame) => {
        handled.push(frame.toString());
        return handled.length === 2 ? fail() : undefined;
      },
      (thrown) => faults.push(thrown),
    );
    for (const frame of ['1', '2', '3']) inbox.receive(Buffer.from(frame));
    await vi.waitFor(() => expect(close).toHaveBeenCalledExactlyOnceWith(1011, 'Internal error'));
    inbox.receive(Buffer.from('4'));
    expect({ handled, faults }).toEqual({ handled: ['1', '2'], faults: [FAULT] });
  },
);
