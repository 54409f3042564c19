import { nodeProblem } from './node-version.js';

/** The first import of the SDK: a sentence is better than what an old version makes of the rest. */
const problem = nodeProblem();
if (problem !== undefined) throw new Error(problem);
