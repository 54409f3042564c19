/**
 * Loads the built service on one version of Node: `node load.mjs <path of a node binary>`. Exits with 0 when every
 * acknowledged event reached every follower once, the service stopped cleanly, and a second start still had all of it.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const node = process.argv[2];
const root = fileURLToPath(new URL('../..', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'opstream-node-'));
const LOAD_MS = 6000;
const PATIENCE_MS = 30_000;
const PRODUCERS = 6;

function fail(why) {
  throw new Error(why);
}

async function until(what, condition) {
  for (const deadline = Date.now() + PATIENCE_MS; !condition();) {
    if (Date.now() > deadline) fail(`${what} never happened`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function start() {
  const child = spawn(
    node,
    ['--enable-source-maps', '--max-semi-space-size=16', join(root, 'dist/main.js')],
    {
      env: {
        ...process.env,
        PORT: '0',
        HOST: '127.0.0.1',
        DATA_DIR: dataDir,
        LOG_LEVEL: 'info',
        MAX_EVENTS_PER_OPERATION: '10000000',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
  const url = () => /Opstream is ready on (http:\/\/[^"\s]+)/.exec(output)?.[1];
  await until(`the start (${output})`, () => url() !== undefined || child.exitCode !== null);
  if (url() === undefined) fail(`the service did not start:\n${output}`);
  return { url: url(), stop: async () => (child.kill('SIGTERM'), ended), child, ended, output: () => output };
}

const post = async (url, body) => {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (response.status >= 300) fail(`${url}: ${response.status} ${text}`);
  return JSON.parse(text);
};

/** A hub connection whose messages go to `onMessage`. */
async function hub(url, onMessage) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/hub`);
  socket.addEventListener('message', ({ data }) => onMessage(JSON.parse(data)));
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error('the hub refused')));
  });
  return { send: (command) => socket.send(JSON.stringify(command)), close: () => socket.close() };
}

/** Notices whatever comes twice, late or not at all. */
class Follower {
  seqs = new Map();

  constructor(name) {
    this.name = name;
  }

  see({ operation_id: id, seq }) {
    if (seq === undefined) return;
    const expected = (this.seqs.get(id) ?? 0) + 1;
    if (seq !== expected) fail(`${this.name}: event ${seq} of ${id}, expected ${expected}`);
    this.seqs.set(id, seq);
  }

  has(heads) {
    return [...heads].every(([id, seq]) => this.seqs.get(id) === seq);
  }
}

async function followOverSse(url, follower, signal) {
  const response = await fetch(`${url}/api/stream`, { headers: { 'last-event-id': '0' }, signal });
  let rest = '';
  try {
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined && !/^event: position$/m.test(block)) follower.see(JSON.parse(data));
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function load(url) {
  const stopped = Date.now() + LOAD_MS;
  const heads = new Map();
  const followers = [];
  const aborter = new AbortController();
  const closing = [];
  for (let n = 0; n < 3; n++) {
    const overHub = new Follower(`hub ${n}`);
    const overSse = new Follower(`SSE ${n}`);
    followers.push(overHub, overSse);
    const socket = await hub(url, (message) => overHub.see(message));
    socket.send({ command: 'subscribe_all', after: '0' });
    closing.push(socket);
    void followOverSse(url, overSse, aborter.signal);
  }
  const overRest = async (id) => {
    await post(`${url}/api/operations`, { operation_type: 'load', operation_id: id });
    heads.set(id, 1);
    while (Date.now() < stopped) {
      const batch = Array.from({ length: 20 }, (_, n) => ({
        event_type: 'log',
        data: { message: `line ${n}` },
      }));
      const { receipts } = await post(`${url}/api/operations/${id}/events`, batch);
      heads.set(id, receipts.at(-1).seq);
    }
    const { seq } = await post(`${url}/api/operations/${id}/result`, { result: 'done' });
    heads.set(id, seq + 1);
  };
  const overHub = async (id) => {
    let wake = () => {};
    const socket = await hub(url, (message) => {
      if (message.event_type === 'command_error') fail(JSON.stringify(message));
      if (message.event_type === 'recorded' || message.event_type === 'created') wake(message);
    });
    const ask = async (command) => {
      const { promise, resolve } = Promise.withResolvers();
      wake = resolve;
      socket.send(command);
      return promise;
    };
    await ask({ command: 'create_operation', operation_type: 'load', operation_id: id });
    heads.set(id, 1);
    while (Date.now() < stopped) {
      const { seq } = await ask({
        command: 'emit',
        operation_id: id,
        event_type: 'log',
        data: { message: 'line' },
      });
      heads.set(id, seq);
    }
    socket.close();
  };
  await Promise.all(
    Array.from({ length: PRODUCERS }, (_, n) => (n % 2 === 0 ? overRest(`rest-${n}`) : overHub(`hub-${n}`))),
  );
  await until('every follower has every event', () => followers.every((follower) => follower.has(heads)));
  aborter.abort();
  for (const socket of closing) socket.close();
  return heads;
}

try {
  const first = await start();
  const heads = await Promise.race([
    load(first.url),
    first.ended.then((how) => fail(`the service ended with ${how}:\n${first.output()}`)),
  ]);
  const code = await first.stop();
  if (code !== 0) fail(`SIGTERM ended it with ${code}:\n${first.output()}`);
  const second = await start();
  for (const [id, seq] of heads) {
    const operation = await (await fetch(`${second.url}/api/operations/${id}`)).json();
    if (operation.event_count !== seq)
      fail(`${id} has ${operation.event_count} events after a restart, not ${seq}`);
  }
  if ((await second.stop()) !== 0) fail('the second stop was not clean');
  const events = [...heads.values()].reduce((sum, seq) => sum + seq, 0);
  process.stdout.write(`${events} events reached 6 followers, and were there after a restart\n`);
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
process.exit(0);
