import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RestClient, type EventDraft } from '../../src/client/index.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { eventually } from '../harness/eventually.js';
import { ServiceProcess } from '../harness/service-process.js';
import { closeClean, launchBrowser, openDashboard, rowNumbers } from './dashboard-page.js';

const NASTY = '<img src=x onerror="document.title=`hacked`"><script>document.title="hacked"</script>';

const logLines = (from: number, to: number, level = 'info'): EventDraft[] =>
  Array.from({ length: to - from + 1 }, (_, n) => ({
    event_type: 'log',
    data: { level, message: `line ${from + n}.` },
  }));

describe('dashboard: operations in a browser', () => {
  let service: ServiceProcess;
  let proxy: CuttableProxy;
  let browser: Browser;
  let rest: RestClient;
  let page: Page;

  beforeAll(async () => {
    service = await ServiceProcess.start();
    proxy = await CuttableProxy.inFrontOf(service.port);
    rest = new RestClient({ url: service.url });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await proxy?.close();
    await service?.stop();
  });
  afterEach(() => closeClean(page));

  const open = async (hash = '', options = {}): Promise<void> => {
    page = await openDashboard(browser, `${proxy.url}/${hash}`, options);
  };
  const create = async (type: string, events: readonly EventDraft[] = []): Promise<string> => {
    const { operation_id: id } = await rest.createOperation(type);
    for (let at = 0; at < events.length; at += 1000) await rest.record(id, events.slice(at, at + 1000));
    return id;
  };
  const row = (seq: number) => page.locator(`.rows [data-seq="${seq}"]`);
  const scroller = () => page.locator('.rows');

  it('a job runs and ends before the eyes of its watcher', async () => {
    await open();
    await page.getByText('No operations yet').waitFor();
    const id = await create('watched', logLines(2, 5));
    await page.getByRole('link', { name: /watched/ }).click();
    await row(5).waitFor();
    await rest.record(id, [
      { event_type: 'progress', data: { progress: 0.4, message: 'Compiling' } },
      { event_type: 'status', data: { status: 'testing' } },
    ]);
    await expect.poll(() => page.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('40');
    await expect.poll(() => page.locator('.operation-title .state').textContent()).toBe('testing');
    await expect.poll(() => page.title()).toBe('40 % watched · Opstream');
    await rest.record(id, [{ event_type: 'result', data: { result: { files: 12 } } }]);
    await page.locator('.operation-title .state.is-completed').waitFor();
    await expect.poll(() => page.locator('.details').textContent()).toContain('files 12');
    await expect.poll(() => page.title()).toBe('✓ watched · Opstream');
    expect(await page.locator('.timeline a').allTextContents()).toEqual(['started', 'testing']);
    expect(await page.getByRole('button', { name: 'Cancel' }).count()).toBe(0);
  });

  it('a latecomer sees a finished log from its first line, of which only a screenful is loaded', async () => {
    const id = await create('finished', logLines(2, 20_001));
    await rest.record(id, [{ event_type: 'error', data: { error: 'No disk', error_type: 'Full' } }]);
    await open(`#/operations/${id}`);
    await row(20_002).waitFor();
    expect(await page.locator('.rows [data-seq]').count()).toBeLessThan(100);
    await page.keyboard.press('g');
    await row(1).waitFor();
    expect((await rowNumbers(page))[0]).toBe(1);
    await page.fill('.jump input', '12345');
    await page.keyboard.press('Enter');
    await expect.poll(() => row(12_345).textContent()).toContain('line 12345.');
    expect(await page.locator('.details').textContent()).toContain('No disk');
  });

  it('loses nothing when the connection is cut, and says so', async () => {
    const id = await create('cut', logLines(2, 21));
    await open(`#/operations/${id}`);
    await row(21).waitFor();
    proxy.refuse(true);
    proxy.cut();
    await page.getByText('The connection is lost').waitFor();
    await rest.record(id, logLines(22, 235));
    proxy.refuse(false);
    await page.getByText('Reconnected, nothing missed: 214 events read on').waitFor({ timeout: 40_000 });
    await row(235).waitFor();
    await page.keyboard.press('g');
    await row(1).waitFor();
    for (const seq of [21, 22, 23]) {
      await page.fill('.jump input', String(seq));
      await page.press('.jump input', 'Enter');
      await expect.poll(() => row(seq).textContent()).toContain(`line ${seq}.`);
    }
  });

  it('a reader who scrolled up is left alone, to the pixel, until he returns to the end', async () => {
    const id = await create('read', logLines(2, 400));
    await open(`#/operations/${id}`);
    await row(400).waitFor();
    expect(await page.getByRole('button', { name: 'Following' }).count()).toBe(1);
    await scroller().hover();
    await page.mouse.wheel(0, -1200);
    await page.getByRole('button', { name: 'Follow', exact: true }).waitFor();
    const place = () =>
      scroller().evaluate((element) => (element as unknown as { scrollTop: number }).scrollTop);
    // The wheel may scroll smoothly.
    let before = -1;
    await eventually('the end of the scrolling', async () => {
      const now = await place();
      const isStill = now === before;
      before = now;
      return isStill;
    });
    for (let n = 0; n < 10; n++)
      await rest.record(id, [...logLines(401 + n * 1000, 1398 + n * 1000), ...logLines(1, 2, 'error')]);
    await page.getByText('10,000 new lines, 20 errors').waitFor();
    expect(await place()).toBe(before);
    await page.getByText('10,000 new lines, 20 errors').click();
    await row(10_400).waitFor();
    await rest.record(id, logLines(1, 1));
    await row(10_401).waitFor();
  });

  it('a link to lines scrolls there, a range is chosen with Shift, and Back returns', async () => {
    const id = await create('linked', logLines(2, 3000));
    await open(`#/operations/${id}?lines=1500-1503`);
    await row(1500).waitFor();
    expect(await page.locator('.row.is-chosen').count()).toBe(4);
    await row(1505).getByRole('button', { name: 'Link to line 1505' }).click();
    await row(1508)
      .getByRole('button', { name: 'Link to line 1508' })
      .click({ modifiers: ['Shift'] });
    expect(page.url()).toMatch(/lines=1505-1508$/);
    await expect.poll(() => page.locator('.row.is-chosen').count()).toBe(4);
    await page.goBack();
    await page.goBack();
    expect(page.url()).toMatch(/lines=1500-1503$/);
    await expect.poll(() => row(1500).getAttribute('class')).toContain('is-chosen');
  });

  it('searches the whole log, in place of the browser', async () => {
    const id = await create('searched', [
      ...logLines(2, 99),
      ...logLines(100, 100).map((line) => ({ ...line, data: { message: 'first Needle' } }) as EventDraft),
      ...logLines(101, 9000),
      { event_type: 'log', data: { message: `second needle ${NASTY}` } },
      ...logLines(9002, 12_000),
      { event_type: 'log', data: { message: 'third needle' } },
    ]);
    await open(`#/operations/${id}?lines=50`);
    await row(50).waitFor();
    await page.keyboard.press('Control+f');
    await page.locator(':focus').and(page.getByLabel('Search the log')).waitFor();
    await page.keyboard.type('needle');
    await page.getByText('1 of 3', { exact: true }).waitFor();
    await expect.poll(() => row(100).textContent()).toContain('first Needle');
    expect(await row(100).locator('mark').textContent()).toBe('Needle');
    expect(page.url()).toContain('q=needle');
    await page.keyboard.press('Enter');
    await page.getByText('2 of 3', { exact: true }).waitFor();
    await expect.poll(() => row(9001).textContent()).toContain('<img src=x');
    await page.keyboard.press('Enter');
    await page.getByText('3 of 3', { exact: true }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('No further match').waitFor();
    await page.keyboard.press('Shift+Enter');
    await page.getByText('2 of 3', { exact: true }).waitFor();
    await page.getByLabel('Search the log').fill('nothing like it');
    await page.getByText('No match', { exact: true }).waitFor();
    expect(await page.locator('main img').count()).toBe(0);
  });

  it('shows warnings and errors alone, as they come, and leads to them among the others', async () => {
    const id = await create('troubled', [
      ...logLines(2, 500),
      ...logLines(501, 503, 'error'),
      ...logLines(504, 900),
    ]);
    await open(`#/operations/${id}`);
    await row(900).waitFor();
    await page.getByRole('button', { name: '3 errors' }).click();
    await page.getByText('3 matching lines').waitFor();
    expect(await rowNumbers(page)).toEqual([501, 502, 503]);
    await rest.record(id, logLines(901, 901, 'warn'));
    await row(901).waitFor();
    await page.getByRole('button', { name: '3 errors, 1 warning' }).waitFor();
    await page.keyboard.press('e');
    await row(900).waitFor();
    await page.goBack();
    await row(502).getByRole('button', { name: 'Link to line 502' }).click();
    await row(499).waitFor();
    await expect.poll(() => row(502).getAttribute('class')).toContain('is-chosen');
    await page.goto(`${proxy.url}/#/operations`);
    await expect
      .poll(() => page.locator('.op-row', { hasText: 'troubled' }).textContent())
      .toMatch(/✕ 3.*! 1/);
  });

  it('cancels after asking', async () => {
    const id = await create('cancelled');
    await open(`#/operations/${id}`);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Keep running' }).click();
    expect((await rest.getOperation(id)).status).toBe('running');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByLabel('Reason').fill('No longer needed');
    await page.getByRole('button', { name: 'Cancel the operation' }).click();
    await page.locator('.operation-title .state.is-cancelled').waitFor();
    expect(await rest.getOperation(id)).toMatchObject({ status: 'cancelled', message: 'No longer needed' });
  });

  it('shows text as text, wherever it stands', async () => {
    const { operation_id: id } = await rest.createOperation(NASTY, { metadata: { [NASTY]: NASTY } });
    await rest.record(id, [
      { event_type: 'status', data: { status: NASTY.slice(0, 200), message: NASTY } },
      { event_type: 'log', data: { level: 'error', message: NASTY, details: { [NASTY]: NASTY } } },
      { event_type: 'log', data: { message: `\u001b[31m${NASTY}\u001b]0;${NASTY}\u0007\n${NASTY}` } },
      { event_type: 'progress', data: { progress: 0.5, message: NASTY } },
      { event_type: 'error', data: { error: NASTY, error_type: NASTY.slice(0, 200) } },
    ]);
    await open();
    await page.locator('.op-row', { hasText: '<img src=x' }).first().click();
    await row(3).waitFor();
    await row(3).getByRole('button', { name: 'Show in full' }).click();
    await page.locator('.row-full').waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toContain('<img src=x');
    expect(await page.locator('.details').textContent()).toContain(NASTY);
  });

  it('the list is narrowed by its address, with counts, and leads from a part to the whole', async () => {
    const parent = await create('whole');
    const { operation_id: part } = await rest.createOperation('part/one', { parentOperationId: parent });
    await rest.record(part, [{ event_type: 'error', data: { error: 'Broken needlework', error_type: 'X' } }]);
    await open(`#/operations?parent=${parent}`);
    const rows = page.locator('.op-row');
    await expect.poll(() => rows.allTextContents()).toEqual([expect.stringContaining('part/one')]);
    await page.getByRole('button', { name: /^Failed 1/ }).waitFor();
    await page.getByRole('button', { name: `Parts of ${parent}` }).click();
    await page.getByLabel('Id, type, message or metadata').fill('part/o');
    await expect.poll(() => rows.allTextContents()).toEqual([expect.stringContaining('part/one')]);
    expect(page.url()).toContain('q=part');
    await page.getByLabel('Type', { exact: true }).fill('nothing/*');
    await page.getByText('No operation matches').waitFor();
    await page.getByLabel('Type', { exact: true }).fill('part/*');
    await page.getByRole('button', { name: 'With errors' }).click();
    await rows.first().click();
    await page.getByRole('link', { name: parent }).click();
    await page.getByRole('heading', { name: 'whole' }).waitFor();
    await page.getByRole('link', { name: 'Operations it has opened' }).click();
    await expect.poll(() => rows.allTextContents()).toEqual([expect.stringContaining('part/one')]);
  });

  it('works without a pointer', async () => {
    const first = await create('by-keys', logLines(2, 100));
    await create('newer');
    await open();
    await page.getByRole('link', { name: /by-keys/ }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await row(100).waitFor();
    expect(page.url()).toContain(first);
    await page.keyboard.press('g');
    await row(1).waitFor();
    await page.keyboard.press('j');
    await expect.poll(() => page.locator('.row.is-current').getAttribute('data-seq')).toBe('2');
    await page.keyboard.press('t');
    await page.getByText('UTC', { exact: true }).last().waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('f');
    await page.getByRole('button', { name: 'Following' }).waitFor();
    await page.keyboard.press('c');
    await page.getByLabel('Reason').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('.operation-title .state.is-cancelled').waitFor();
  });
});
