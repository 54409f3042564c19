import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { expect } from 'vitest';

declare global {
  /** What the page under test was stopped from doing by its Content-Security-Policy; only there. */
  var violations: string[];
}

const CHROMIUM = '/usr/bin/chromium';

export function launchBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing`);
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
}

/** Errors of each page: none of them may have any at its end. */
const failures = new WeakMap<Page, string[]>();

/** A fresh page of the dashboard, which counts what its policy stops. */
export async function openDashboard(
  browser: Browser,
  url: string,
  options: Parameters<Browser['newPage']>[0] = {},
): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  const errors: string[] = [];
  failures.set(page, errors);
  page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
  await page.addInitScript(
    `globalThis.violations = [];
     addEventListener('securitypolicyviolation', ({ violatedDirective }) => violations.push(violatedDirective));`,
  );
  await page.goto(url);
  await page.waitForSelector('main');
  return page;
}

/** Closes a page that has broken neither its policy nor itself. */
export async function closeClean(page: Page): Promise<void> {
  const violations = await page.evaluate(() => globalThis.violations);
  await page.close();
  expect(violations).toEqual([]);
  expect(failures.get(page)).toEqual([]);
}

/** Numbers of the rows on screen, in order. */
export async function rowNumbers(page: Page): Promise<number[]> {
  const numbers = await page
    .locator('.rows [data-seq]')
    .evaluateAll((rows) =>
      rows.map((row) => Number((row as unknown as { dataset: { seq: string } }).dataset.seq)),
    );
  return numbers.toSorted((one, other) => one - other);
}
