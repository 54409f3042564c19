import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient } from '../../src/client/index.js';
import { eventually } from '../harness/eventually.js';
import { ServiceProcess } from '../harness/service-process.js';

/** A page with the quick start for browsers, as existing pages have it. */
const page = (address: string, operationId: string): string => `<!doctype html><script>
  const ws = new WebSocket('${address}');
  ws.onopen = () => ws.send(JSON.stringify({ command: 'subscribe', operation_id: '${operationId}' }));
  ws.onmessage = (event) => {
    const data = JSON.parse(event.data);
    console.log(data.event_type, JSON.stringify(data.data));
  };
  ws.onclose = ({ code }) => console.log('closed', code);
</script>`;

describe('S1-28: pages written for the hub, opened in a browser', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'opstream-pages-'));
  let files: Server;
  let origin: string;
  let html = '';
  let browser: Browser;
  let service: ServiceProcess | undefined;

  beforeAll(async () => {
    files = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end(html),
    ).listen(0, '127.0.0.1');
    await eventually('the file server', () => files.listening);
    origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    });
  });
  afterAll(async () => {
    await browser.close();
    files.close();
    await service?.stop();
    rmSync(folder, { recursive: true, maxRetries: 20 });
  });

  /** What a page of this address logs, with an operation that ends once it is subscribed to. */
  async function shown(running: ServiceProcess, address: (file: string) => string): Promise<string[]> {
    const rest = new RestClient({ url: running.url });
    const { operation_id: id } = await rest.createOperation('job');
    html = page(running.url.replace('http', 'ws'), id);
    const file = join(folder, 'page.html');
    writeFileSync(file, html);
    const lines: string[] = [];
    const tab = await browser.newPage();
    tab.on('console', (message) => lines.push(message.text()));
    await tab.goto(address(file));
    const says = (words: string): boolean => lines.some((line) => line.startsWith(words));
    await eventually('an answer', () => says('subscribed') || says('closed'), 20_000);
    if (says('subscribed')) {
      await rest.record(id, [{ event_type: 'result', data: { result: 'done' } }]);
      await eventually('the end', () => says('completed'), 20_000);
    }
    await tab.close();
    return lines;
  }

  it('run where ALLOWED_ORIGINS names them, and from a file where it has null', async () => {
    service = await ServiceProcess.start({ ALLOWED_ORIGINS: `null,${origin}` });
    for (const address of [() => origin, (file: string) => pathToFileURL(file).href]) {
      const lines = await shown(service, address);
      expect(lines).toContain('result {"result":"done"}');
    }
    await service.stop();
  });

  it('are refused elsewhere, and the log says which setting lets them in', async () => {
    service = await ServiceProcess.start();
    expect(await shown(service, () => origin)).toContain('closed 1006');
    const { output } = service;
    expect(output).toContain(`Origin ${origin} is not allowed: add it to ALLOWED_ORIGINS`);
  });
});
