import { describe, expect, it } from 'vitest';
import type { Responder } from '../session/responder.js';
import { ReportQueue } from './report-queue.js';
import type { CallerNotifications } from './caller-notifications.js';

/** Reports of a call whose caller reads into `told`, and is slow while `slow` is set. */
function makeReports() {
  const told: string[] = [];
  const caller = { slow: undefined as Promise<void> | undefined };
  const responder = { drained: () => caller.slow } as Responder;
  const notifications = { send: (message: string) => void told.push(message) } as CallerNotifications;
  return { told, caller, reports: new ReportQueue(notifications, responder) };
}

/** Something the test lets happen. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Whether a promise is settled once everything that can go on has gone on. */
async function settles(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  return settled;
}

describe('The reports of a call', () => {
  it('the first, and one after a pause, are recorded and told before the tool goes on', async () => {
    const { told, reports } = makeReports();
    for (const word of ['first', 'after a pause']) {
      const stored = gate();
      reports.add(stored.opened, [word]);
      const going = reports.pace();
      expect(await settles(going)).toBe(false);
      expect(told).not.toContain(word);
      stored.open();
      await going;
      expect(told).toContain(word);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  it('are told in the order in which they were made, whatever is recorded first', async () => {
    const { told, reports } = makeReports();
    const slow = gate();
    reports.add(slow.opened, ['1', '2']);
    reports.add(Promise.resolve(), ['3']);
    expect(await settles(reports.allTold)).toBe(false);
    expect(told).toEqual([]);
    slow.open();
    await reports.allTold;
    expect(told).toEqual(['1', '2', '3']);
  });

  it('a tool cannot run ahead of the log: it waits, however fast it reports', async () => {
    const { reports } = makeReports();
    const store = gate();
    let made = 0;
    const tool = (async () => {
      for (; made < 10_000; made++) {
        reports.add(store.opened, []);
        await reports.pace();
      }
    })();
    expect(await settles(tool)).toBe(false);
    expect(made).toBeLessThan(256);
    store.open();
    await tool;
    expect(made).toBe(10_000);
  });

  it('a slow reader slows the tool, but not what is told', async () => {
    const { told, caller, reports } = makeReports();
    const reading = gate();
    caller.slow = reading.opened;
    reports.add(Promise.resolve(), ['1']);
    const going = reports.pace();
    expect(await settles(going)).toBe(false);
    expect(told).toEqual(['1']);
    expect(await settles(reports.allTold)).toBe(true);
    reading.open();
    await going;
  });
});
