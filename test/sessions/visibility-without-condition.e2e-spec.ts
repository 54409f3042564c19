import { expect, it, vi } from 'vitest';
import { leaks } from './visibility-matrix.js';

// Without this guard every message goes to everybody in some way: the matrix has to see it.
vi.mock('../../src/sessions/adapters/sqlite-session-rows.js', async (original) => ({
  ...(await original<typeof import('../../src/sessions/adapters/sqlite-session-rows.js')>()),
  VISIBLE: () => '1',
}));

it('the matrix of visibility notices that the store no longer filters', async () => {
  expect(await leaks()).toEqual(
    expect.arrayContaining([
      'socket, replay',
      'plain-JSON socket, get_messages',
      'event stream',
      'REST messages',
      'REST search',
      'get_messages',
      'get_session',
      'search_context',
      'search_by_sender',
      'search_by_timerange',
      'resource of the session',
      'prompt debug-session',
    ]),
  );
});
