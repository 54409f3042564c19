import { expect, it, vi } from 'vitest';
import { leaks } from './visibility-matrix.js';

// Without this guard every message goes to everybody in some way: the matrix has to see it.
vi.mock('../../src/sessions/viewer.js', async (original) => ({
  ...(await original<typeof import('../../src/sessions/viewer.js')>()),
  canSee: () => true,
}));

it('the matrix of visibility notices that what is live is no longer filtered', async () => {
  expect(await leaks()).toEqual(
    expect.arrayContaining([
      'socket, live',
      'bridge socket, live',
      'plain-JSON socket, live',
      'change notifications',
    ]),
  );
});
