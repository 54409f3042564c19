import { expect } from 'vitest';

/** Shapes that many answers share. */

export const UUID: unknown = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
export const NUMBER: unknown = expect.any(Number);

/** Unix seconds of now, give or take a minute. */
export function nowInSeconds(value: number): void {
  expect(value).toBeGreaterThan(Date.now() / 1000 - 60);
  expect(value).toBeLessThanOrEqual(Date.now() / 1000 + 1);
}
