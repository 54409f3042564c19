// The real application with one session that many sockets follow: tokens required, every message stored in SQLite with
// its trigrams before it is published. The publisher calls the SessionsService, as the tools do.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { ConsoleLogger } from '@nestjs/common';
import { anonymousPrincipal, SCOPES } from '../../dist/auth/principal.js';
import { OpstreamModule } from '../../dist/opstream.module.js';
import { openService } from '../../dist/service.js';
import { actorOf } from '../../dist/sessions/actor.js';
import { SessionsService } from '../../dist/sessions/sessions.service.js';
import { SessionSubscriptions } from '../../dist/sessions/delivery/session-subscriptions.service.js';
import { Subscriptions } from '../../dist/streaming/delivery/subscriptions.js';
import { nowNs, serveCommands } from './commands.mjs';
import { messageOf } from './event-shape.mjs';

const SESSION = 'bench';
const dataDir = mkdtempSync(join(tmpdir(), 'opstream-bench-'));
process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }));

const app = await openService(
  OpstreamModule.forRoot({ dataDir, port: 0, jwtSecret: process.env.BENCH_SECRET, allowAnonymous: false }),
  new ConsoleLogger({ logLevels: ['warn', 'error', 'fatal'] }),
);
const sessions = app.get(SessionsService, { strict: false });
const subscriptions = app.get(SessionSubscriptions, { strict: false });
const { metrics } = app.get(Subscriptions);
const actor = actorOf({ ...anonymousPrincipal, userId: 'publisher', scopes: new Set(SCOPES) }, false);
await sessions.create(actor, { purpose: 'bench', sessionId: SESSION });

const say = (bytes) =>
  sessions.add(actor, SESSION, { content: messageOf(bytes), metadata: { sent_ns: nowNs() } });

/** Deliveries that the meter will have counted when everything recorded so far is written. */
let due = metrics.events;

serveCommands(app.getHttpServer().address().port, {
  seq: 0,
  async publish(count, bytes) {
    this.seq += count;
    due += count * subscriptions.count;
    if (count === 1) await say(bytes);
    else await Promise.all(Array.from({ length: count }, () => say(bytes)));
  },
  async written() {
    const giveUp = performance.now() + 60_000;
    while (metrics.events < due) {
      if (performance.now() > giveUp) throw new Error(`${due - metrics.events} deliveries are missing`);
      await setImmediate();
    }
  },
  gauges: () => ({ lagging: metrics.lagging, rss: process.memoryUsage.rss() }),
});
