import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';
import { SECRET } from '../harness/tokens.js';
import { seededRandom } from './random.js';
import { type Place, RESUMES } from './resumes.js';

/**
 * A power failure drops what the disk had not been told to keep: the write-ahead log ends at any byte. Followers that
 * stopped anywhere resume in the log that has grown again since: each is told that its place is gone, or holds exactly
 * the log with what it receives.
 */

const CUTS = Number(process.env.WAL_CUTS ?? 4);
const EVENTS = 24;
const SETTINGS = { JWT_SECRET: SECRET, MCP_TOOLSETS: 'all' };

let root: string;
const running: RunningService[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'opstream-cut-'));
});
afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
  rmSync(root, { recursive: true });
});

async function start(dataDir: string): Promise<RunningService> {
  const service = await RunningService.start({ ...SETTINGS, DATA_DIR: dataDir });
  running.push(service);
  return service;
}

interface Line {
  readonly seq: number;
  readonly position: string;
  readonly timestamp: number;
  readonly message: string | undefined;
}

async function linesOf({ rest }: RunningService): Promise<readonly Line[]> {
  const { body } = await rest.get<{
    events: (Omit<Line, 'message'> & { data: { message?: string } })[];
  }>('/api/operations/job/events?limit=1000');
  return body.events.map(({ seq, position, timestamp, data }) => ({
    seq,
    position,
    timestamp,
    message: data.message,
  }));
}

const texts = (lines: readonly Line[]): readonly string[] => lines.flatMap(({ message }) => message ?? []);

it(
  `every follower is told or complete, wherever the log is cut (${CUTS} cuts)`,
  async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    console.log(`cut test: SEED=${seed}`);
    const random = seededRandom(seed);
    const whole = join(root, 'whole');
    mkdirSync(whole);
    const first = await start(whole);
    await first.rest.post('/api/operations', { operation_type: 't', operation_id: 'job' });
    for (let n = 0; n < EVENTS; n++)
      await first.rest.emit('job', 'log', {
        message: `first ${n} ${'x'.repeat(Math.floor(random() * 3000))}`,
      });
    const original = await linesOf(first);
    const { log } = (await first.rest.get('/api/operations/job')).body as { log: string };
    const logOfAll = log.split('.').slice(0, 2).join('.');
    const wal = readFileSync(join(whole, 'opstream.db-wal'));
    let losses = 0;
    for (let cut = 0; cut < CUTS; cut++) {
      const dataDir = join(root, `cut-${cut}`);
      mkdirSync(dataDir);
      for (const name of ['opstream.db', 'opstream.db.mark'])
        copyFileSync(join(whole, name), join(dataDir, name));
      // The first cut loses the end alone, the others anything.
      const kept = Math.floor(wal.length * (cut === 0 ? 0.95 : random()));
      writeFileSync(join(dataDir, 'opstream.db-wal'), wal.subarray(0, kept));
      const service = await start(dataDir);
      await service.rest.post('/api/operations', { operation_type: 't', operation_id: 'job' });
      // Grown beyond every place that anybody remembers.
      for (let n = 0; n < EVENTS + 5; n++) await service.rest.emit('job', 'log', { message: `again ${n}` });
      await service.rest.emit('job', 'result', { result: 'done' });
      const now = await linesOf(service);
      for (const at of [Math.floor(random() * EVENTS), EVENTS]) {
        const { seq, position } = original[at]!;
        const place: Place = { seq, position, log, logOfAll };
        const held = texts(original.slice(0, at + 1));
        // By time, too: an operation that was lost whole and opened again begins alike.
        const isKept = original
          .slice(0, at + 1)
          .every(
            ({ timestamp, message }, n) => now[n]?.timestamp === timestamp && now[n]?.message === message,
          );
        losses += isKept ? 0 : 1;
        for (const [name, resume] of Object.entries(RESUMES)) {
          const { lost, lines } = await resume(service, place);
          const where = { name, cut, kept, seq };
          // Nothing is told to who lost nothing; who did is told, and gets what is behind the place that still holds.
          expect({ ...where, lost }).toEqual({ ...where, lost: !isKept });
          const expected = isKept ? texts(now).slice(held.length) : texts(now).slice(-lines.length);
          expect({ ...where, lines }).toEqual({ ...where, lines: expected });
          if (!isKept) expect(lines.length).toBeGreaterThanOrEqual(EVENTS + 5);
        }
      }
      await service.stop();
      running.splice(running.indexOf(service), 1);
    }
    expect(losses).toBeGreaterThan(0);
  },
  30_000 + CUTS * 15_000,
);
