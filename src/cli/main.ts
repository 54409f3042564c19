#!/usr/bin/env node
import { nodeProblem } from '../client/node-version.js';

const problem = nodeProblem();
if (problem !== undefined) {
  process.stderr.write(`opstream: ${problem}\n`);
  process.exit(1);
}
// Nothing else is imported statically: an older Node could not even load it.
const { runProgram } = await import('./program.js');
await runProgram(process.argv);
