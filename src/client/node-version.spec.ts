import { expect, it } from 'vitest';
import { nodeProblem } from './node-version.js';

it('says in one sentence which Node is too old, and nothing in a browser', () => {
  for (const version of ['18.20.4', '20.20.2', '22.14.0']) {
    expect(nodeProblem(version)).toBe(
      `Opstream needs Node.js 22.15 or newer, and this is ${version}: install a current one from https://nodejs.org.`,
    );
  }
  for (const version of ['22.15.0', '24.21.0', '26.0.0']) expect(nodeProblem(version)).toBeUndefined();
  expect(nodeProblem(process.versions.node)).toBeUndefined();
});
