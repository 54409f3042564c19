import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { eventually } from '../harness/eventually.js';
import { JsonSocket } from '../harness/json-socket.js';
import { ServiceProcess } from '../harness/service-process.js';
import { inSeconds, SECRET, sign } from '../harness/tokens.js';
import { closeClean, launchBrowser, openDashboard } from './dashboard-page.js';

const NASTY = '<img src=x onerror="document.title=`hacked`"><script>document.title="hacked"</script>';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeReport {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

describe('dashboard: the other pages in a browser', () => {
  let service: ServiceProcess;
  let browser: Browser;
  let rest: RestClient;
  let pages: Page[] = [];

  beforeAll(async () => {
    service = await ServiceProcess.start({ DEMO: 'true' });
    rest = new RestClient({ url: service.url });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
  });
  afterEach(async () => {
    const open = pages;
    pages = [];
    for (const page of open) await closeClean(page);
  });

  const open = async (hash: string, url = service.url, options = {}): Promise<Page> => {
    const page = await openDashboard(browser, `${url}/${hash}`, options);
    pages.push(page);
    return page;
  };

  it('everything is shown as it happens, filtered by the address, and leads to its line', async () => {
    const page = await open('#/everything');
    await page.getByText('Events of all operations appear here').waitFor();
    let seen = 0;
    // Whether the page listens already shows only in what it shows.
    await eventually('the subscription', async () => {
      const { operation_id: id } = await rest.createOperation(`firehose-${++seen}`);
      await rest.record(id, [
        { event_type: 'log', data: { level: 'error', message: NASTY } },
        { event_type: 'log', data: { message: 'calm' } },
      ]);
      return (await page.locator('.rows .row.is-error').count()) > 0;
    });
    await page.getByText('calm').first().waitFor();
    await page.getByLabel('Level').selectOption('error');
    expect(page.url()).toContain('level=error');
    await expect.poll(() => page.getByText('calm').count()).toBe(0);
    expect(await page.locator('main img, main script').count()).toBe(0);
    await page.locator('.row.is-error .row-source').first().click();
    await expect.poll(() => page.locator('.row.is-chosen').textContent()).toContain('<img src=x');
    await page.goBack();
    await page.locator('.everything').waitFor();
    expect(page.url()).toContain('level=error');
  });

  it('two pages talk in one session, and a message is text', async () => {
    const [first, second] = [await open('#/sessions'), await open('#/sessions')];
    await first.getByLabel('Purpose').fill(`Fix ${NASTY}`);
    await first.getByRole('button', { name: 'Create session' }).click();
    await first.locator('.messages').waitFor();
    const hash = new URL(first.url()).hash;
    await second.goto(`${service.url}/${hash}`);
    await first.getByRole('textbox', { name: 'Message' }).fill('The token is checked twice');
    await first.getByRole('textbox', { name: 'Message' }).press('Enter');
    await second.getByText('The token is checked twice').waitFor();
    await second.getByRole('textbox', { name: 'Message' }).fill(NASTY);
    await second.getByRole('button', { name: 'Send' }).click();
    await expect.poll(() => first.locator('.message').allTextContents()).toHaveLength(2);
    await expect.poll(() => first.locator('.message').last().textContent()).toContain(NASTY);
    for (const page of [first, second]) {
      expect(await page.locator('main img, main script').count()).toBe(0);
      expect(await page.locator('.message p').allTextContents()).toEqual([
        'The token is checked twice',
        NASTY,
      ]);
    }
  });

  it('a streaming tool is called from its form, watched and cancelled', async () => {
    const page = await open('#/tools');
    await page.getByRole('link', { name: /processData/ }).click();
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await page.getByText('is required').waitFor();
    await page.getByLabel('datasetSize').fill('many');
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await page.getByText('must be a number').waitFor();
    await page.getByLabel('datasetSize').fill('100000');
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await expect.poll(() => page.getByLabel('What the tool says').textContent()).toContain('Processed 10 of');
    await page.getByRole('button', { name: 'Cancel the call' }).click();
    await page.getByRole('heading', { name: 'Cancelled' }).waitFor();
    await eventually('the end of the work', async () => {
      const { operations } = await rest.listOperations({ type: 'mcp.tool/processData' });
      return operations[0]?.status === 'cancelled';
    });
    await page.getByLabel('datasetSize').fill('12');
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await page.locator('.call-text', { hasText: 'Processing complete!' }).waitFor();
    await page.getByRole('link', { name: 'Recorded calls of this tool' }).click();
    await expect.poll(() => page.locator('.op-row').count()).toBe(2);
  });

  it('arguments can be written as JSON, and a tool error is shown', async () => {
    const page = await open('#/tools/get_operation');
    await page.getByRole('button', { name: 'Write JSON' }).click();
    await page.getByLabel('Arguments as JSON').fill('{"operation_id": ');
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await page.getByText('is not JSON').waitFor();
    await page.getByLabel('Arguments as JSON').fill('{"operation_id": "nothing"}');
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await page.getByRole('heading', { name: /error|Result/ }).waitFor();
    await page.getByText(/messages on the wire/).click();
    await page.getByText('"method": "tools/call"').waitFor();
  });

  it('statistics count what runs', async () => {
    const page = await open('#/statistics');
    await expect.poll(() => page.getByText('Connected clients').locator('..').textContent()).toMatch(/[1-9]/);
  });

  describe('a service that wants tokens', () => {
    let guarded: ServiceProcess;
    beforeAll(async () => {
      guarded = await ServiceProcess.start({ JWT_SECRET: SECRET, ALLOW_ANONYMOUS: 'false' });
    });
    afterAll(() => guarded?.stop());

    it('asks for one, keeps it out of addresses, and shows nothing of another tenant', async () => {
      const mine = new RestClient({ url: guarded.url, token: await sign({ sub: 'ada', tenant: 'acme' }) });
      const theirs = new RestClient({
        url: guarded.url,
        token: await sign({ sub: 'eve', tenant: 'globex' }),
      });
      const { operation_id: own } = await mine.createOperation('own-work');
      const { operation_id: foreign } = await theirs.createOperation('foreign-work');
      const page = await open(`#/operations/${own}`, guarded.url);
      await page.getByText('The service wants a token').waitFor();
      await page.getByLabel('Token or API key').fill('nonsense');
      await page.getByRole('button', { name: 'Use this token' }).click();
      await page.getByText('The service wants a token').waitFor();
      const requests: string[] = [];
      page.on('request', (request) => requests.push(request.url()));
      page.on('websocket', (socket) => requests.push(socket.url()));
      const token = await sign({ sub: 'ada', tenant: 'acme', exp: inSeconds(3600) });
      await page.getByLabel('Token or API key').fill(token);
      await page.getByRole('button', { name: 'Use this token' }).click();
      await page.getByRole('heading', { name: 'own-work' }).waitFor();
      expect(requests.length).toBeGreaterThan(1);
      expect(requests.filter((url) => url.includes(token))).toEqual([]);
      await page.goto(`${guarded.url}/#/operations/${foreign}`);
      await page.getByText('There is no such operation').waitFor();
      await page.goto(`${guarded.url}/#/connection`);
      await page.getByText('ada (tenant acme)').waitFor();
      expect(await page.textContent('main')).not.toContain('foreign-work');
    });

    it('shows what agents report of themselves, as text', async () => {
      const page = await open('#/agents', guarded.url);
      await page.getByLabel('Token or API key').fill(await sign({ sub: 'ada', tenant: 'acme' }));
      await page.getByRole('button', { name: 'Use this token' }).click();
      await page.getByText('0 reported since you opened this page').waitFor();
      const other = await JsonSocket.connect(
        `${guarded.url.replace('http', 'ws')}/agents?token=${await sign({ sub: 'bot', tenant: 'acme' })}`,
      );
      other.send({ type: 'agent_status', agentId: 'a1', status: NASTY });
      await page.getByText('1 reported since you opened this page').waitFor();
      expect(await page.locator('.list-row').textContent()).toContain(`a1${NASTY}`);
      expect(await page.locator('main img').count()).toBe(0);
      other.terminate();
    });

    it('adds a webhook, tests it, shows its deliveries and removes it', async () => {
      const page = await open('#/webhooks', guarded.url);
      await page.getByLabel('Token or API key').fill(await sign({ sub: 'ada', role: 'admin' }));
      await page.getByRole('button', { name: 'Use this token' }).click();
      await page.getByText('No webhooks yet').waitFor();
      await page.getByLabel('Address').fill('https://webhook.invalid/hook');
      await page.getByLabel('Description').fill(NASTY);
      await page.getByLabel('operation.completed').uncheck();
      await page.getByRole('button', { name: 'Add webhook' }).click();
      await page.getByText('whsec_').waitFor();
      const card = page.getByRole('region', { name: 'https://webhook.invalid/hook' });
      await card.getByText('operation.failed, operation.cancelled · any type').waitFor();
      expect(await card.textContent()).toContain(NASTY);
      await card.getByRole('button', { name: 'Send a test' }).click();
      await page.getByText('A test message is on its way').waitFor();
      await card.getByRole('button', { name: 'Deliveries' }).click();
      await card.getByText('opstream.test').waitFor();
      await card.getByRole('button', { name: 'Turn off' }).click();
      await card.getByRole('button', { name: 'Turn on' }).waitFor();
      await card.getByRole('button', { name: 'Remove' }).click();
      await card.getByRole('button', { name: 'Remove with its deliveries?' }).click();
      await page.getByText('No webhooks yet').waitFor();
      expect(await page.locator('main img').count()).toBe(0);
    });

    it('says so when the token expires while somebody watches', async () => {
      const short = await sign({ sub: 'ada', exp: inSeconds(4) });
      const page = await open('#/connection', guarded.url);
      await page.getByLabel('Token or API key').fill(short);
      await page.getByRole('button', { name: 'Use this token' }).click();
      await page.locator('.shell .connection.is-open').waitFor();
      await page.locator('.shell .connection.is-refused').waitFor({ timeout: 30_000 });
      await page.getByText('The service wants a token').waitFor();
      await page.getByText(/expired /).waitFor();
    });
  });

  describe.each(['light', 'dark'] as const)('axe, %s', (colorScheme) => {
    it('finds no serious fault on any page', async () => {
      const { operation_id: id } = await rest.createOperation(`axe-${colorScheme}`, { metadata: { a: [1] } });
      await rest.record(id, [
        { event_type: 'progress', data: { progress: 0.4, message: 'Compiling' } },
        { event_type: 'log', data: { level: 'warning', message: 'careful' } },
        { event_type: 'log', data: { level: 'error', message: 'wrong' } },
        { event_type: 'log', data: { level: 'debug', message: 'detail' } },
        {
          event_type: 'log',
          data: { message: 'x', details: { ansi: '\u001b[32mgreen\u001b[0m \u001b[2mdim' } },
        },
      ]);
      const session = `axe-${colorScheme}`;
      await rest.request('POST', 'api/sessions', { body: { purpose: 'axe', session_id: session } });
      await rest.request('POST', `api/sessions/${session}/messages`, { body: { content: 'hello' } });
      const context = await browser.newContext({ colorScheme, bypassCSP: true });
      // The schemes differ in colours alone.
      const rules = colorScheme === 'light' ? '{}' : '{ runOnly: ["color-contrast"] }';
      const found: string[] = [];
      const hashes = [
        '#/operations',
        `#/operations/${id}`,
        `#/operations/${id}?lines=3-4`,
        '#/operations/none',
        '#/everything',
        '#/sessions',
        `#/sessions/${session}`,
        '#/agents',
        '#/tools',
        '#/tools/processData',
        '#/statistics',
        '#/connection',
      ];
      const page = await context.newPage();
      for (const hash of hashes) {
        await page.goto(`${service.url}/${hash}`);
        await page.locator('main :is(h1, h2, .rows, .op-row, input, .tool-list)').first().waitFor();
        await page.evaluate(AXE);
        const report = (await page.evaluate(`axe.run(document, ${rules})`)) as AxeReport;
        for (const { id: rule, impact, nodes } of report.violations) {
          if (impact === 'serious' || impact === 'critical')
            found.push(`${hash} ${rule}: ${nodes[0]?.html.slice(0, 200)}`);
        }
      }
      await context.close();
      expect(found).toEqual([]);
    });
  });
});
