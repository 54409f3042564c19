import { nodeProblem } from './node-version.js';

/** The first import of the SDK: a clear message beats the syntax errors of an old version. */
const problem = nodeProblem();
if (problem !== undefined) throw new Error(problem);
