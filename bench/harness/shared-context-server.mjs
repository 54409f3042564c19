// shared-context-server from PyPI, the server whose tools the session tools stand in for, in a virtual environment of
// its own. Undefined where it cannot be installed.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { BENCH } from './preparation.mjs';
import { sentence } from './sentences.mjs';

/** The release, and the versions of the time that it starts with. */
const PACKAGES = ['shared-context-server==1.1.10', 'fastmcp==2.12.5', 'pydantic==2.11.10'];
const VENV = join(BENCH, '../node_modules/.cache/shared-context-server');
const PROGRAM = join(VENV, 'bin/shared-context-server');

export class SharedContextServer {
  static prepare() {
    if (existsSync(join(VENV, 'installed'))) return SharedContextServer;
    const steps = [
      ['python3', '-m', 'venv', VENV],
      [join(VENV, 'bin/pip'), 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES],
      ['touch', join(VENV, 'installed')],
    ];
    for (const [command, ...args] of steps) {
      const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
      if (status === 0) continue;
      console.error('SKIPPED: shared-context-server could not be installed; it is not measured.');
      return undefined;
    }
    return SharedContextServer;
  }

  /** A server with an empty database, on the first core. */
  static async start() {
    const server = new SharedContextServer();
    server.folder = mkdtempSync(join(tmpdir(), 'shared-context-server-'));
    server.apiKey = randomBytes(24).toString('hex');
    server.port = await freePort();
    server.socketPort = await freePort();
    const args = [
      '-c',
      '0',
      PROGRAM,
      '--transport',
      'http',
      '--host',
      '127.0.0.1',
      '--port',
      String(server.port),
    ];
    server.child = spawn('taskset', args, {
      cwd: server.folder,
      stdio: 'ignore',
      env: {
        ...process.env,
        API_KEY: server.apiKey,
        JWT_SECRET_KEY: randomBytes(32).toString('hex'),
        JWT_ENCRYPTION_KEY: `${randomBytes(32).toString('base64url')}=`,
        DATABASE_PATH: join(server.folder, 'chat.db'),
        DATABASE_URL: `sqlite+aiosqlite:///${join(server.folder, 'chat.db')}`,
        HTTP_PORT: String(server.port),
        WEBSOCKET_PORT: String(server.socketPort),
        WEBSOCKET_HOST: '127.0.0.1',
        LOG_LEVEL: 'ERROR',
      },
    });
    await Promise.all([server.ready(server.port), server.ready(server.socketPort)]);
    return server;
  }

  get pid() {
    return this.child.pid;
  }

  /** Puts messages into a session without its doing, which would take minutes. */
  fill(session, count) {
    const database = new Database(join(this.folder, 'chat.db'));
    const add = database.prepare(`
      INSERT INTO messages (session_id, sender, sender_type, content, visibility, message_type, timestamp)
      VALUES (?, 'agent', 'claude', ?, 'public', 'agent_response', ?)`);
    database.transaction(() => {
      const now = Date.now() / 1000;
      for (let n = 0; n < count; n++) add.run(session, sentence(n), now - (count - n) / 1000);
    })();
    database.close();
  }

  async ready(port) {
    const giveUp = performance.now() + 60_000;
    while (performance.now() < giveUp && this.child.exitCode === null) {
      try {
        await fetch(`http://127.0.0.1:${port}/health`);
        return;
      } catch {
        await setTimeout(100);
      }
    }
    throw new Error('shared-context-server did not start');
  }

  async stop() {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
