import { expect } from 'vitest';
import { eventually } from './eventually.js';
import { LogLines } from './log-lines.js';
import { frame, RawWebSocket } from './raw-websocket.js';
import { RunningService } from './running-service.js';
import { SECRET, sign } from './tokens.js';

const FRAMES_PER_CONNECTION = 200;
const CONNECTIONS_AT_ONCE = 8;

/** Numbers that a seed repeats (mulberry32). */
export class Dice {
  constructor(private state: number) {}

  /** 0 to 1. */
  roll(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.roll() * limit);
  }

  one<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

const COMMANDS = [
  'subscribe',
  'unsubscribe',
  'subscribe_all',
  'unsubscribe_all',
  'get_operation',
  'list_operations',
  'get_history',
  'get_stats',
  'create_operation',
  'emit',
  'cancel_operation',
  'authenticate',
  'ping',
];
const METHODS = [
  'initialize',
  'ping',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/read',
  'prompts/get',
  'tasks/list',
  'tasks/get',
  'notifications/cancelled',
  'logging/setLevel',
  'completion/complete',
];
const EVENT_TYPES = ['progress', 'status', 'log', 'result', 'error', 'completed', 'cancelled', 'nonsense'];

const LAST = JSON.stringify({
  command: 'ping',
  type: 'ping',
  jsonrpc: '2.0',
  method: 'ping',
  id: 'the last one',
  request_id: 'the last one',
});

function oddValue(dice: Dice): unknown {
  return dice.one<() => unknown>([
    () => null,
    () => dice.roll() * 1e308,
    () => -dice.below(10),
    () => true,
    () => '',
    () => '\u0000\ud800'.repeat(dice.below(20)),
    () => '__proto__',
    () => [[[]]],
    () => ({ constructor: { prototype: {} } }),
    () => 'x'.repeat(dice.below(3000)),
  ])();
}

/** A command as clients send them, now and then with a member that makes no sense. */
function command(dice: Dice): Record<string, unknown> {
  const name = dice.one(COMMANDS);
  const message: Record<string, unknown> = {
    command: name,
    type: dice.below(4) === 0 ? dice.one(['ping', 'agent_status', 'batch']) : name,
    jsonrpc: '2.0',
    id: dice.below(100),
    method: dice.one(METHODS),
    params: {
      name: 'get_operation',
      arguments: { operation_id: `op-${dice.below(20)}` },
      uri: 'operation://op-1',
    },
    request_id: dice.below(1000),
    operation_id: `op-${dice.below(20)}`,
    operation_type: 'fuzz',
    event_type: dice.one(EVENT_TYPES),
    data: { progress: dice.roll(), status: 's', level: 'info', message: 'm', result: 1, error: 'e' },
    agentId: `a${dice.below(5)}`,
    status: 'busy',
    after_seq: dice.below(3) === 0 ? dice.below(50) : undefined,
    messages: [
      { id: 1, type: 'ping' },
      { type: dice.one(COMMANDS), operation_id: `op-${dice.below(20)}` },
      5,
    ],
  };
  if (dice.below(3) === 0) message[dice.one(Object.keys(message))] = oddValue(dice);
  return message;
}

/** A text that once was JSON. */
function spoiled(text: string, dice: Dice): string {
  const at = dice.below(text.length);
  return (
    text.slice(0, at) +
    dice.one(['', '"', '{', ']', '\\', '\u0000', '9'.repeat(50)]) +
    text.slice(at + dice.below(8))
  );
}

/** A frame, or several that belong together, which leave the connection open. */
function harmless(dice: Dice, textOnly: boolean): Buffer[] {
  const text = JSON.stringify(command(dice));
  const kind = dice.below(10);
  if (kind < 5) return [frame(text)];
  if (kind === 5) return [frame(spoiled(text, dice))];
  if (kind === 6 && !textOnly) return [frame(dice.bytes(dice.below(200)), { opcode: 2 })];
  if (kind === 7) return [frame(dice.bytes(dice.below(125)), { opcode: dice.one([9, 10]) })];
  if (kind === 8) return [frame('['.repeat(dice.below(5000)))];
  const at = dice.below(text.length);
  return [
    frame(text.slice(0, at), { fin: false }),
    frame('', { opcode: 9 }),
    frame(text.slice(at), { opcode: 0 }),
  ];
}

/** What no peer may send; the connection ends with it. */
function fatal(dice: Dice): Buffer {
  return dice.one([
    () => dice.bytes(1 + dice.below(300)),
    () => frame('x', { masked: false }),
    () => frame(dice.bytes(20), { rsv: 0x40 }),
    () => frame(Buffer.from([0xff, 0xff])),
    () => frame('', { claimedLength: 1n << 62n }),
    () => frame('', { opcode: 3 + dice.below(5) }),
  ])();
}

/**
 * Sends generated frames to every socket protocol, over connections that end in every way.
 * @returns how many frames were sent
 */
async function fuzz(service: RunningService, frames: number, seed: number): Promise<number> {
  const dice = new Dice(seed);
  let sent = 0;
  async function worker(): Promise<void> {
    while (sent < frames) {
      const path = dice.one([
        '/hub',
        '/',
        '/mcp',
        '/ws',
        `/agents?token=${await sign({ id: `u${dice.below(50)}` })}`,
      ]);
      // MCP closes for a binary message.
      const textOnly = path === '/mcp' || path === '/ws';
      const deflate = dice.below(2) === 0 ? 'permessage-deflate' : undefined;
      const peer = await RawWebSocket.open(service.port, path, deflate);
      for (let count = 0; count < FRAMES_PER_CONNECTION && !peer.socket.destroyed;) {
        const batch = Array.from({ length: 10 }, () => harmless(dice, textOnly)).flat();
        await peer.write(Buffer.concat(batch));
        count += batch.length;
        sent += batch.length;
      }
      // Most connections stay until everything was answered, the others leave in the middle of it.
      if (dice.below(4) > 0) {
        await peer.write(frame(LAST));
        await peer.until('the last one');
      }
      const ending = dice.below(4);
      if (ending === 0) await peer.write(fatal(dice));
      if (ending === 1) await peer.write(frame(Buffer.from([3, 232]), { opcode: 8 }));
      // In the middle of a frame, or between two.
      if (ending === 2) await peer.write(frame('cut short').subarray(0, dice.below(12)));
      sent += 1;
      if (dice.below(2) === 0) peer.socket.resetAndDestroy();
      else peer.socket.end();
      await peer.closed;
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS_AT_ONCE }, worker));
  return sent;
}

/** Nothing of any connection is left behind, and a new client is served. */
async function expectHealthy(service: RunningService): Promise<void> {
  await eventually('no socket and no subscription is left', async () => {
    const { text } = await service.rest.get('/metrics');
    return /^websocket_connections 0$/m.test(text) && /^opstream_subscriptions 0$/m.test(text);
  });
  const hub = await service.hub();
  const created = await hub.ask({ command: 'create_operation', operation_type: 'after' });
  if (created.operation === undefined || created.operation === null) throw new Error(JSON.stringify(created));
  await hub.subscribe(created.operation_id);
  await service.rest.emit(created.operation_id, 'result', { result: 'well' });
  const events = await hub.through('completed');
  if (events.length !== 2) throw new Error(JSON.stringify(events));
  await hub.close();
}

/** Frames against a service of its own, which must be well after them, and have failed at nothing. */
export async function survivesFuzz(frames: number): Promise<void> {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const log = new LogLines();
  const settings = { JWT_SECRET: SECRET, MAX_CONNECTIONS_PER_USER: '1000', HUB_AUTO_MONITOR_MS: '5' };
  const service = await RunningService.start(settings, [], log);
  try {
    expect(await fuzz(service, frames, seed)).toBeGreaterThanOrEqual(frames);
    await expectHealthy(service);
    const failures = log.lines.filter(({ level, message }) => level === 'error' && !isRefusal(message));
    expect({ seed, failures }).toEqual({ seed, failures: [] });
  } finally {
    await service.stop();
  }
}

/** Faults of an agent that are logged as errors, as the document of the agents' protocol has it. */
const FAULTS_OF_AGENTS: ReadonlySet<unknown> = new Set([
  'websocket_error',
  'websocket_message_processing_error',
]);

function isRefusal(message: unknown): boolean {
  return FAULTS_OF_AGENTS.has((Object(message) as { event?: unknown }).event);
}
