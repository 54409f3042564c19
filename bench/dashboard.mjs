/**
 * The bars of the dashboard, in a real browser whose processor is slowed down four times: how soon the last line of a
 * long log is on screen, how soon any line is, how smoothly a fast log follows its tail, and what that costs in
 * memory. `npm run bench:dashboard`, after a build; `--million` adds a log of a million lines, `--chromium` names
 * another browser.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({
  options: {
    million: { type: 'boolean', default: false },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
    seconds: { type: 'string', default: '10' },
  },
});
const SLOWDOWN = 4;
const LINES_PER_SECOND = 5000;
const BATCH = 1000;

const folder = mkdtempSync(join(tmpdir(), 'opstream-bench-'));
const service = spawn(process.execPath, ['dist/main.js'], {
  env: {
    ...process.env,
    PORT: '0',
    DATA_DIR: folder,
    LOG_LEVEL: 'info',
    MAX_EVENTS_PER_OPERATION: '2000000',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const url = await new Promise((resolve, reject) => {
  let text = '';
  service.once('exit', () => reject(new Error(text)));
  service.stdout.on('data', (chunk) => {
    text += chunk;
    const found = /ready on (http:\/\/[^"\s]+)/.exec(text)?.[1];
    if (found) resolve(found);
  });
});

async function post(path, body) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
}

const linesOf = (from, count) =>
  Array.from({ length: count }, (_, n) => ({
    event_type: 'log',
    data: {
      level: n % 50 === 0 ? 'warning' : 'info',
      message: `line ${from + n}: compiling src/module_${from + n}.ts`,
    },
  }));

/** An operation whose last event is `count`. */
async function prepare(id, count) {
  await post('/api/operations', { operation_type: id, operation_id: id });
  for (let at = 2; at <= count; at += BATCH)
    await post(`/api/operations/${id}/events`, linesOf(at, Math.min(BATCH, count - at + 1)));
}

const report = [];
const note = (what, figure, bar) => {
  report.push([what, figure, bar]);
  process.stdout.write(`${what.padEnd(48)} ${figure.padStart(12)}   ${bar}\n`);
};

const browser = await chromium.launch({
  executablePath: options.chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--enable-precise-memory-info'],
});
try {
  const sizes = [100_000, ...(options.million ? [1_000_000] : [])];
  for (const size of sizes) await prepare(`log-${size}`, size);
  await post('/api/operations', { operation_type: 'live', operation_id: 'live' });

  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(
    `globalThis.violations = 0; addEventListener('securitypolicyviolation', () => (violations += 1));
     globalThis.shown = (seq) => new Promise((resolve) => {
       const look = () => {
         const row = document.querySelector('[data-seq="' + seq + '"]');
         if (row) resolve(performance.now()); else requestAnimationFrame(look);
       };
       look();
     });`,
  );
  const session = await page.context().newCDPSession(page);
  await page.goto(url);
  await page.waitForSelector('.op-row');
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });

  const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
  const milliseconds = (value) => `${Math.round(value)} ms`;
  for (const size of sizes) {
    const opened = [];
    const jumped = [];
    for (let n = 0; n < 7; n++) {
      await page.goto(`${url}/#/operations`);
      await page.waitForSelector(`a[href="#/operations/log-${size}"]`);
      opened.push(
        await page.evaluate(
          `(async () => { const began = performance.now();
             document.querySelector('a[href="#/operations/log-${size}"]').click();
             return (await shown(${size})) - began; })()`,
        ),
      );
      const target = Math.floor(((n + 1) / 9) * size);
      jumped.push(
        await page.evaluate(
          `(async () => { const began = performance.now();
             location.hash = '#/operations/log-${size}?lines=${target}';
             return (await shown(${target})) - began; })()`,
        ),
      );
    }
    const lines = size.toLocaleString('en');
    note(`last line of ${lines} on screen after the click`, milliseconds(median(opened)), '≤ 500 ms');
    note(`any line of ${lines} on screen`, milliseconds(median(jumped)), '≤ 150 ms');
  }

  await page.goto(`${url}/#/operations/live`);
  await page.waitForSelector('.rows [data-seq="1"]');
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize / 1e6;
  };
  const before = await heap();
  await page.evaluate(
    `globalThis.frames = 0; (function count() { frames += 1; requestAnimationFrame(count); })();`,
  );
  let recorded = 1;
  const seconds = Number(options.seconds);
  const began = performance.now();
  const end = began + seconds * 1000;
  const framesBefore = await page.evaluate('frames');
  while (performance.now() < end) {
    const due = Math.floor(((performance.now() - began) / 1000) * LINES_PER_SECOND) + 1;
    if (due - recorded >= BATCH / 10) {
      const count = Math.min(BATCH, due - recorded);
      await post('/api/operations/live/events', linesOf(recorded + 1, count));
      recorded += count;
    } else {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  const took = (performance.now() - began) / 1000;
  const framesShown = (await page.evaluate('frames')) - framesBefore;
  await page.evaluate(`shown(${recorded})`);
  note('lines per second, followed live', String(Math.round(recorded / took)), '5000');
  note('frames per second meanwhile', (framesShown / took).toFixed(1), '≥ 50');
  note('heap after it', `${(await heap()).toFixed(1)} MB`, `≤ 120 MB (${before.toFixed(1)} before)`);

  await page.keyboard.press('f');
  await page.mouse.move(400, 500);
  await page.mouse.wheel(0, -2000);
  await page.waitForTimeout(500);
  const place = 'document.querySelector(".rows").scrollTop';
  const placeBefore = await page.evaluate(place);
  for (let n = 0; n < 10; n++) {
    await post('/api/operations/live/events', linesOf(recorded + 1, BATCH));
    recorded += BATCH;
  }
  while (!(await page.evaluate('/10,000 new lines/.test(document.body.textContent)')))
    await page.waitForTimeout(50);
  note(
    'paused position moved over 10,000 new lines',
    `${(await page.evaluate(place)) - placeBefore} px`,
    '0 px',
  );
  note('reports of the Content-Security-Policy', String(await page.evaluate('violations')), '0');
} finally {
  await browser.close();
  service.kill();
  rmSync(folder, { recursive: true, force: true });
}
