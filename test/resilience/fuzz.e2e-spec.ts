import { it } from 'vitest';
import { survivesFuzz } from '../harness/frame-fuzzer.js';

const FRAMES = 5_000;

it(`${FRAMES} generated frames leave the service well, with nothing left behind and no failure of its own`, async () => {
  await survivesFuzz(FRAMES);
}, 60_000);
