import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until a condition holds, for what shows in no message; fails with `what` when it never does. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Never happened: ${what}`);
    await sleep(10);
  }
}
