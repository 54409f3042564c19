// Runs the test files again that failed in a run of many, one at a time, on a machine that is quieter now. A real fault
// fails twice; a test that is only too tight for a busy machine is named, so that it gets mended, and stops nobody.
//   node scripts/rerun-failed.mjs <report.json> [options of vitest run]
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/** More than this many at once are no accident. */
const MAX_FILES = 4;

const [reportFile, ...options] = process.argv.slice(2);
const first = JSON.parse(readFileSync(reportFile, 'utf8'));
const failed = first.testResults.filter(({ status }) => status === 'failed');
const files = failed.map(({ name }) => relative(process.cwd(), name));
if (files.length === 0 || files.length > MAX_FILES) {
  console.log(`${files.length} test files failed; nothing is run again`);
  process.exit(1);
}

console.log(`\nRunning again, on their own: ${files.join(', ')}`);
const again = `${reportFile}.again`;
// npx, as the first run had it: it finds the Node that an older one brought into node_modules.
const { status } = spawnSync(
  'npx',
  [
    'vitest',
    'run',
    ...options,
    '--no-file-parallelism',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${again}`,
    ...files,
  ],
  { stdio: 'inherit' },
);
if (status !== 0) process.exit(1);

const second = JSON.parse(readFileSync(again, 'utf8'));
const kept = first.testResults.filter((result) => !failed.includes(result));
const passedBefore = failed.flatMap(({ assertionResults }) => assertionResults).filter(isPassed).length;
writeFileSync(
  reportFile,
  JSON.stringify({
    ...first,
    numFailedTests: 0,
    numPassedTests: first.numPassedTests - passedBefore + second.numPassedTests,
    testResults: [...kept, ...second.testResults],
  }),
);
console.log(`Failed at first and passed on their own, to be made sturdier: ${files.join(', ')}`);

function isPassed(assertion) {
  return assertion.status === 'passed';
}
