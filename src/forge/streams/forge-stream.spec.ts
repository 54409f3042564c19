import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeForge, WEB_PAGE } from '../../../test/harness/fake-forge.js';
import { WebSocketManager } from '../../client/upstream/websocket-manager.js';
import type { ForgeFrame } from '../decoding/frame.js';
import { ForgeStream, type StreamEnd } from './forge-stream.js';
import { streamUrls, type ForgeFlavor, type StreamKind } from './stream-urls.js';

const until = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 5 });

const paths = (flavor: ForgeFlavor, kind: StreamKind, url = 'http://localhost:8887') =>
  streamUrls(url, flavor, kind, 'ID');

describe('Stream URLs', () => {
  it('S0-43, S0-45, S0-47, S0-48, S0-49, X-62: per flavour, ws or wss, on the host of FORGE_URL', () => {
    expect(paths('legacy', 'diff')).toEqual(['ws://localhost:8887/api/tasks/ID/diff/ws']);
    expect(paths('legacy', 'raw-logs')).toEqual(['ws://localhost:8887/api/processes/ID/logs/ws']);
    expect(paths('forge', 'diff')).toEqual([
      'ws://localhost:8887/api/task-attempts/ID/diff/ws?stats_only=false',
    ]);
    expect(paths('forge', 'raw-logs')).toEqual([
      'ws://localhost:8887/api/execution-processes/ID/raw-logs/ws',
    ]);
    expect(paths('auto', 'tasks', 'https://forge.example')).toEqual([
      'wss://forge.example/api/tasks/stream/ws?project_id=ID',
    ]);
    expect(paths('auto', 'diff')).toHaveLength(2);
    expect(paths('legacy', 'processes')).toEqual([]);
    expect(paths('forge', 'drafts')).toEqual(['ws://localhost:8887/api/drafts/stream/ws?project_id=ID']);
    expect(paths('forge', 'normalized-logs')[0]).toContain('/ID/normalized-logs/ws');
    expect(paths('forge', 'processes')[0]).toContain('/api/execution-processes/stream/ws?task_attempt_id=ID');
    expect(streamUrls('http://h', 'legacy', 'diff', '../x?y')[0]).toBe('ws://h/api/tasks/..%2Fx%3Fy/diff/ws');
  });
});

describe('ForgeStream', () => {
  let forge: FakeForge;
  let manager: WebSocketManager;
  let opens: number;
  let frames: ForgeFrame[];
  let errors: string[];
  let ends: StreamEnd[];

  beforeEach(async () => {
    forge = await new FakeForge().start();
    manager = new WebSocketManager({ reconnect: { delay: () => 10 } });
    [opens, frames, errors, ends] = [0, [], [], []];
  });
  afterEach(async () => {
    manager.close();
    await forge.stop();
  });

  const open = (kind: StreamKind, flavor: ForgeFlavor = 'auto', retryRefusedMs = 0) =>
    new ForgeStream(
      manager,
      streamUrls(forge.url, flavor, kind, 'ID'),
      {
        onOpen: () => void opens++,
        onFrame: (frame) => void frames.push(frame),
        onError: (error) => void errors.push(error.message),
        onEnd: (end) => void ends.push(end),
      },
      { maxReconnectAttempts: 3, retryRefusedMs },
    );
  const upgrades = () => forge.upgrades.map(({ path }) => path);
  const SEED = '/api/tasks/ID/diff/ws';
  const REAL = '/api/task-attempts/ID/diff/ws';

  it.each([
    ['a 404', { status: 404, body: '' }],
    ['a web page', WEB_PAGE],
  ])('X-62: after %s tries the other form at once', async (_, refusal) => {
    forge.stream(/./, refusal).stream(/^\/api\/tasks\/ID/);
    open('diff');
    await until(() => expect(opens).toBe(1));
    expect(upgrades()).toEqual([REAL, SEED]);
    expect(errors).toEqual([]);
  });

  it('X-62: decides anew at each opening', async () => {
    forge.stream(/^\/api\/tasks\/ID/);
    open('diff');
    await until(() => expect(opens).toBe(1));
    forge.stream(/^\/api\/tasks\/ID/, WEB_PAGE).stream(/^\/api\/task-attempts/);
    forge.drop();
    await until(() => expect(opens).toBe(2));
    expect(upgrades()).toEqual([REAL, SEED, SEED, REAL]);
  });

  it('ends as refused when no form exists, at once or after the start-up race', async () => {
    open('diff');
    await until(() => expect(ends).toMatchObject([{ reason: 'refused' }]));
    expect(upgrades()).toEqual([REAL, SEED]);
    open('raw-logs', 'forge', 120);
    await until(() => expect(ends).toHaveLength(2));
    expect(upgrades().length).toBeGreaterThan(4);
    expect(manager.connectionPool.size).toBe(0);
  });

  it('X-63: a log that is there only after some 404s is opened', async () => {
    let tries = 0;
    forge.stream(/raw-logs/, () => (++tries < 4 ? { status: 404, body: '' } : 'accept'));
    open('raw-logs', 'forge', 3000);
    await until(() => expect(opens).toBe(1));
    forge.send(/raw-logs/, { finished: true });
    await until(() => expect(ends).toEqual([{ reason: 'finished' }]));
  });

  it('X-63: finished closes the socket, which the server leaves open, and nothing reconnects', async () => {
    forge.stream(/./);
    open('diff');
    await until(() => expect(opens).toBe(1));
    forge.send(/./, { JsonPatch: [] }, { finished: true }, { file: 'late', changes: [] });
    await until(() => expect(forge.openSockets).toBe(0));
    expect(frames.map(({ kind }) => kind)).toEqual(['patch', 'finished']);
    expect(ends).toEqual([{ reason: 'finished' }]);
    expect(upgrades()).toHaveLength(1);
  });

  it('S0-34, S0-36: reconnects after a loss, tells of it, and gives up after the limit', async () => {
    forge.stream(/./);
    open('diff', 'legacy');
    await until(() => expect(opens).toBe(1));
    forge.drop();
    await until(() => expect(opens).toBe(2));
    await forge.stop();
    await until(() => expect(ends).toMatchObject([{ reason: 'unreachable' }]));
    expect((ends[0] as { error: Error }).error.message).toBe('Failed to reconnect after 3 attempts');
    expect(errors).toEqual(expect.arrayContaining([expect.stringContaining('ECONNREFUSED')]));
  });

  it('survives a server that closes at once, stalls or answers 503, and takes up when it recovers', async () => {
    let tries = 0;
    forge.stream(/./, () => (++tries === 1 ? { status: 503, body: 'busy' } : 'accept'));
    open('diff', 'legacy');
    await until(() => expect(opens).toBe(1));
    expect(errors).toEqual(['Unexpected server response: 503']);
    for (let round = 2; round < 6; round++) {
      forge.drop();
      await until(() => expect(opens).toBe(round));
    }
    forge.send(/./, 'garbage', '[1,2', 7, { JsonPatch: 'x' }, { file: 'a', changes: [] });
    await until(() =>
      expect(frames.map(({ kind }) => kind)).toEqual(['text', 'text', 'text', 'object', 'object']),
    );
  });

  it('a refusal for other reasons ends the stream with what was said', async () => {
    forge.stream(/./, { status: 400, contentType: 'text/plain', body: 'UUID parsing failed' });
    open('tasks');
    await until(() =>
      expect(ends).toMatchObject([{ reason: 'refused', error: { body: 'UUID parsing failed' } }]),
    );
  });

  it('closing while it looks for its URL leaves nothing behind', async () => {
    forge.stream(/./, WEB_PAGE);
    const stream = open('raw-logs', 'auto', 60_000);
    await until(() => expect(forge.upgrades.length).toBeGreaterThan(2));
    stream.close();
    const count = forge.upgrades.length;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(forge.upgrades.length).toBeLessThanOrEqual(count + 1);
    expect(manager.subscriptions.size).toBe(0);
    expect(ends).toEqual([]);
  });
});
