import { nodeProblem } from './client/node-version.js';

const problem = nodeProblem();
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}
// Nothing else is imported statically: an older Node could not even load it.
await import('reflect-metadata');
const { startService } = await import('./service.js');
await startService();
