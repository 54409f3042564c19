import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { anonymousPrincipal } from '../../auth/principal.js';
import { Cancellation } from '../protocol/cancellation.js';
import type { McpSession } from './mcp-session.js';
import { McpSessions } from './mcp-sessions.service.js';

const MINUTE = 60_000;

describe('McpSessions', () => {
  let sessions: McpSessions;

  beforeEach(() => {
    vi.useFakeTimers();
    sessions = new McpSessions();
  });
  afterEach(() => {
    sessions.onModuleDestroy();
    vi.useRealTimers();
  });

  const open = (): McpSession =>
    sessions.open(anonymousPrincipal, { protocolVersion: '2025-11-25', capabilities: {} }, 'http');

  it('a session that nobody uses ends after half an hour, and not before', () => {
    const session = open();
    vi.advanceTimersByTime(29 * MINUTE);
    expect([sessions.size, session.ended]).toEqual([1, false]);
    vi.advanceTimersByTime(3 * MINUTE);
    expect([sessions.size, session.ended]).toEqual([0, true]);
  });

  it('its use begins the time anew', () => {
    const session = open();
    for (let n = 0; n < 4; n += 1) {
      vi.advanceTimersByTime(20 * MINUTE);
      expect(sessions.find(session.id, anonymousPrincipal)).toBe(session);
    }
  });

  it('a session with an unanswered request is not idle, however long that takes', () => {
    const busy = open();
    const idle = open();
    busy.inFlight.add(1, new Cancellation());
    vi.advanceTimersByTime(120 * MINUTE);
    expect([busy.ended, idle.ended]).toEqual([false, true]);
  });

  it('is served to its own user alone', () => {
    const session = open();
    expect(sessions.find(session.id, { ...anonymousPrincipal, userId: 'ann' })).toBeUndefined();
    expect(sessions.find(session.id, { ...anonymousPrincipal, tenant: 'other' })).toBeUndefined();
  });

  it('ends with the key that opened it', () => {
    const key = new AbortController();
    const principal = { ...anonymousPrincipal, revoked: key.signal };
    const session = sessions.open(principal, { protocolVersion: '2025-11-25', capabilities: {} }, 'http');
    key.abort();
    expect([sessions.size, session.ended]).toEqual([0, true]);
  });

  it('all of them end with the service', () => {
    const all = [open(), open()];
    sessions.onModuleDestroy();
    expect(all.map(({ ended }) => ended)).toEqual([true, true]);
  });
});
