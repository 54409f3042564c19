import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ServiceProcess } from '../harness/service-process.js';
import { SessionAgent } from './session-client.js';

let service: ServiceProcess;
let browser: Browser;
beforeAll(async () => {
  service = await ServiceProcess.start();
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
});
afterAll(async () => {
  await browser.close();
  await service.stop();
});

it('two agents and a browser share a session; what is said appears at once, and is there after a restart (S2-37)', async () => {
  const ws = service.url.replace('http', 'ws');
  const [planner, coder] = await Promise.all([SessionAgent.connect(ws), SessionAgent.connect(ws)]);
  const [alice, bob] = [await planner.as('planner'), await coder.as('coder')];
  const session = await alice.newSession('Fix the login');
  await alice.say(session, 'The token is checked twice');

  const page = await browser.newPage();
  await page.goto(`${service.url}/examples/session-client.html?session=${session}`);
  const messages = page.getByRole('listitem');
  await messages.filter({ hasText: 'The token is checked twice' }).waitFor();
  await bob.say(session, '<img src=x onerror=alert(1)> Fixed');
  const fixed = messages.filter({ hasText: '<img src=x onerror=alert(1)> Fixed' });
  await fixed.waitFor();
  expect(await fixed.textContent()).toContain('coder');

  await page.getByLabel('Message', { exact: true }).fill('Thanks');
  await page.getByRole('button', { name: 'Send' }).click();
  await messages.filter({ hasText: 'Thanks' }).waitFor();
  const { messages: read } = await alice.call('get_messages', { session_id: session });
  expect(read.map(({ content }) => content)).toContain('Thanks');

  await service.kill();
  await page.getByText('Connection lost').waitFor();
  await service.restart();
  await page.getByText(`Following ${session}`).waitFor();
  const again = await SessionAgent.connect(service.url.replace('http', 'ws'));
  await again.say(session, 'And on it goes');
  await messages.filter({ hasText: 'And on it goes' }).waitFor();
  expect(await messages.count()).toBe(4);
  await page.close();
});
