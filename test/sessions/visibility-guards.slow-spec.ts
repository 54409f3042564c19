import { afterEach, describe, expect, it, vi } from 'vitest';

const GUARDS = [
  {
    guard: 'what is live is filtered',
    module: '../../src/sessions/viewer.js',
    without: { canSee: () => true },
    leaking: ['socket, live', 'bridge socket, live', 'plain-JSON socket, live', 'change notifications'],
  },
  {
    guard: 'what the store reads is filtered',
    module: '../../src/sessions/adapters/sqlite-session-rows.js',
    without: { VISIBLE: () => '1' },
    leaking: [
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
    ],
  },
];

/** A table that sees no leak where there is one would prove nothing. */
describe('the table of who sees what, without one guard', () => {
  afterEach(() => {
    for (const { module } of GUARDS) vi.doUnmock(module);
    vi.resetModules();
  });

  it.each(GUARDS)('sees the leak when it is not true that $guard', async ({ module, without, leaking }) => {
    vi.resetModules();
    vi.doMock(module, async (original) => ({ ...(await original<object>()), ...without }));
    const { leaks } = await import('./visibility-matrix.js');
    expect(await leaks()).toEqual(expect.arrayContaining(leaking));
  });
});
