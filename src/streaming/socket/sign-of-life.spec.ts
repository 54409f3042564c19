import { describe, expect, it } from 'vitest';
import { SignOfLife, type LivingReader } from './sign-of-life.js';

class Reader implements LivingReader {
  bufferedBytes = 0;
  takenBytes = 0;
  queued: number | undefined = 0;
  kernelQueue(): Promise<number | undefined> {
    return Promise.resolve(this.queued);
  }
}

/** Marked while nothing waits; then so much waits that the kernel is full. */
function fallenBehind() {
  const reader = new Reader();
  const life = new SignOfLife(reader);
  life.mark();
  reader.bufferedBytes = 5_000_000;
  reader.queued = 1_000_000;
  return { reader, life };
}

describe('sign of life', () => {
  it('is an answer since the last mark', () => {
    const life = new SignOfLife(new Reader());
    life.mark();
    expect(life.shown).toBe(false);
    life.answer();
    expect(life.shown).toBe(true);
  });

  it('is not what a kernel with room takes for a reader that is gone', () => {
    const reader = new Reader();
    const life = new SignOfLife(reader);
    life.mark();
    reader.takenBytes = 100;
    expect(life.shown).toBe(false);
  });

  it('of a reader that fell behind after the mark is looked for from then on', async () => {
    const { reader, life } = fallenBehind();
    expect(await life.look()).toBe(true);
    reader.queued = 900_000;
    expect(await life.look()).toBe(true);
  });

  it('of such a reader may also be that the kernel takes more', async () => {
    const { reader, life } = fallenBehind();
    await life.look();
    reader.takenBytes += 500_000;
    expect(await life.look()).toBe(true);
  });

  it('is missing when a reader takes nothing from one look to the next', async () => {
    const { life } = fallenBehind();
    await life.look();
    expect(await life.look()).toBe(false);
  });
});
