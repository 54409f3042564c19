import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { eventually } from '../harness/eventually.js';
import { ServiceProcess } from '../harness/service-process.js';

declare global {
  /** What the page under test was stopped from doing by its Content-Security-Policy; only there. */
  var violations: string[];
}

const NASTY = '<img src=x onerror="document.title=`hacked`"><script>document.title="hacked"</script>';

let service: ServiceProcess;
let proxy: CuttableProxy;
let browser: Browser;
let page: Page;
let rest: RestClient;

beforeAll(async () => {
  service = await ServiceProcess.start();
  proxy = await CuttableProxy.inFrontOf(service.port);
  rest = new RestClient({ url: service.url });
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
});

afterAll(async () => {
  await browser?.close();
  await proxy?.close();
  await service?.stop();
});

beforeEach(async () => {
  await page?.close();
  page = await browser.newPage();
  await page.addInitScript(
    `globalThis.violations = [];
     addEventListener('securitypolicyviolation', ({ violatedDirective }) => violations.push(violatedDirective));`,
  );
  await page.goto(`${proxy.url}/examples/hub-client.html`);
  await page.click('#connect');
  await page.waitForSelector('#state[data-state=open]');
});

const card = (id: string) => page.locator('article', { hasText: id });
const follow = async (id: string): Promise<void> => {
  await page.fill('#operation', id);
  await page.click('#follow button.first');
};
const rows = (type: string) => page.locator(`#log div[data-type=${type}]`).allTextContents();

describe('S1-29: the hub client in one HTML file', () => {
  it('shows several operations from their beginning to their end, with bars, events and statistics', async () => {
    const [first, second] = await Promise.all([
      rest.createOperation('build'),
      rest.createOperation('import'),
    ]);
    await rest.record(first.operation_id, [
      { event_type: 'progress', data: { progress: 0.4, message: 'Compiling' } },
    ]);
    await follow(first.operation_id);
    await follow(second.operation_id);
    const bar = card(first.operation_id).getByRole('progressbar');
    await expect.poll(() => bar.getAttribute('aria-valuenow')).toBe('40');
    await expect.poll(() => card(first.operation_id).textContent()).toContain('Compiling');
    await expect.poll(() => page.textContent('#stats')).toContain('active operations');

    await rest.record(first.operation_id, [{ event_type: 'result', data: { result: 'ok' } }]);
    await rest.record(second.operation_id, [
      { event_type: 'error', data: { error: 'No disk', error_type: 'Full' } },
    ]);
    await page.waitForSelector('article[data-end=completed]');
    await page.waitForSelector('article[data-end=error]');
    expect(await card(second.operation_id).textContent()).toContain('Full: No disk');
    expect(await rows('error')).toHaveLength(1);
    expect(await page.evaluate(() => globalThis.violations)).toEqual([]);
  });

  it('loses and doubles nothing when the connection is cut', async () => {
    const { operation_id: id } = await rest.createOperation('long');
    await follow(id);
    for (let round = 0; round < 3; round++) {
      const batch = Array.from({ length: 20 }, (_, n) => ({
        event_type: 'log' as const,
        data: { message: `line ${round * 20 + n}.` },
      }));
      await rest.record(id, batch);
      await eventually('the lines', async () => (await rows('log')).length === (round + 1) * 20);
      proxy.cut();
    }
    await rest.record(id, [{ event_type: 'result', data: { result: 1 } }]);
    await page.waitForSelector('article[data-end=completed]', { timeout: 20_000 });
    const lines = (await rows('log')).map((line) => /line (\d+)\./.exec(line)?.[1]);
    expect(lines).toEqual(Array.from({ length: 60 }, (_, n) => String(n)));
  });

  it('follows everything, and cancels', async () => {
    await page.click('#all');
    await expect.poll(() => page.getAttribute('#all', 'aria-pressed')).toBe('true');
    await eventually('the subscription', async () => {
      const { operation_id: id } = await rest.createOperation('seen');
      await rest.cancelOperation(id);
      return (await page.locator('article').count()) > 0;
    });
    const { operation_id: id } = await rest.createOperation('cancel-me');
    await card(id).getByRole('button', { name: 'Cancel' }).click();
    await eventually('the end', async () => (await rest.getOperation(id)).status === 'cancelled');
    await expect.poll(() => card(id).getAttribute('data-end')).toBe('cancelled');
  });

  it('shows text of events as text, wherever it stands', async () => {
    const { operation_id: id } = await rest.createOperation(NASTY);
    await rest.record(id, [
      { event_type: 'status', data: { status: NASTY.slice(0, 200), message: NASTY } },
      { event_type: 'log', data: { level: 'error', message: NASTY } },
      { event_type: 'error', data: { error: NASTY, error_type: NASTY.slice(0, 200) } },
    ]);
    await follow(id);
    await page.waitForSelector('article[data-end=error]');
    expect(await page.locator('#log img, article img, #log script, article script').count()).toBe(0);
    expect(await card(id).textContent()).toContain(NASTY);
    expect(await page.title()).toBe('Opstream hub client');
    expect(await page.evaluate(() => globalThis.violations)).toEqual([]);
  });
});
