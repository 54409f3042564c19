// The real application, and lines that fill it with messages: their number decides, not the way they come in.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsoleLogger } from '@nestjs/common';
import { OpstreamModule } from '../../dist/opstream.module.js';
import { openService } from '../../dist/service.js';
import { SessionStore } from '../../dist/sessions/session-store.js';
import { answerLines, cpuMicroseconds } from '../harness/answer-lines.mjs';
import { sentence } from '../harness/sentences.mjs';

const dataDir = mkdtempSync(join(tmpdir(), 'opstream-bench-'));
process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }));

const { BRIDGE_TO: bridgeUrl } = process.env;
const app = await openService(
  OpstreamModule.forRoot({ dataDir, port: 0, ...(bridgeUrl && { bridgeUrl }) }),
  new ConsoleLogger({ logLevels: ['warn', 'error', 'fatal'] }),
);
const store = app.get(SessionStore, { strict: false });
const sender = { id: 'anonymous', owner: 'anonymous' };

const messageOf = (sessionId, n) => ({
  tenant: 'default',
  sessionId,
  sender,
  senderType: 'generic',
  content: sentence(n),
  visibility: 'public',
  messageType: 'agent_response',
  metadata: null,
  parentId: null,
  messageKey: null,
});

/** Fills sessions `s<first>` to `s<last - 1>` with so many messages each. */
async function fill(first, last, count) {
  for (let session = Number(first); session < Number(last); session++) {
    const sessionId = `s${session}`;
    await store.create(
      { tenant: 'default', sessionId, purpose: 'bench', createdBy: 'bench', metadata: null },
      Date.now() / 1000,
    );
    for (let from = 0; from < Number(count); from += 250) {
      const batch = Array.from({ length: Math.min(250, count - from) }, (_, n) =>
        messageOf(sessionId, session * 7919 + from + n),
      );
      await store.add(batch, Date.now() / 1000);
    }
  }
  return { bytes: statSync(join(dataDir, 'opstream.db')).size, ...(await store.counts()) };
}

await answerLines(
  { fill, cpu: () => ({ cpu_us: cpuMicroseconds(), rss: process.memoryUsage.rss() }) },
  { port: app.getHttpServer().address().port },
);
