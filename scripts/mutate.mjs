// Changes the sources on purpose, one small change at a time, and tells which of them no test notices.
//
//   npm run mutate -- src/auth/claims.ts               every change to one file
//   npm run mutate -- --sample 40 src/auth src/mcp     a sample of each folder
//
// First every test runs once, to learn which calls which function; the tests of a change are those that call its
// function. `--tests test/security` (repeatable) narrows that down, `--seconds` bounds the whole run, `--seed` repeats
// a sample, `--json file` keeps the results, `--again file` tries those that no test noticed once more. Tests that start
// the built service are no help: they do not see changes.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { functionsOf, mutantsOf } from './mutation/mutants.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seconds: { type: 'string', default: '900' },
    seed: { type: 'string', default: '1' },
    tests: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    again: { type: 'string' },
  },
});
const usage = 'usage: npm run mutate -- [--sample N] [--seconds N] [--tests FOLDER] FILE|FOLDER...';
const number = (name) => {
  const value = options[name] === undefined ? Infinity : Number(options[name]);
  if (!(value > 0)) throw new TypeError(`--${name} must be a number above 0`);
  return value;
};
const CACHE = resolve('node_modules/.cache/mutate');
/** Longer than any test that passes: a change that makes one wait for ever is noticed, too. */
const PATIENCE_MS = 60_000;
/** Test files of one change. */
const MAX_SPECS = 25;
/** Folders of tests that are about a folder of sources; they come first, and then those that take the least time. */
const ABOUT = {
  auth: ['security', 'agents'],
  cli: ['cli'],
  client: ['client'],
  forge: ['forge'],
  mcp: ['mcp'],
  operations: ['rest', 'resilience', 'library'],
  rest: ['rest', 'security'],
  sessions: ['sessions'],
  streaming: ['hub', 'agents', 'rest', 'resilience'],
  streams: ['streams'],
};
const began = performance.now();
const isOver = () => (performance.now() - began) / 1000 > number('seconds');

function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .flatMap((name) => filesBelow(join(path, name)))
    .filter((name) => name.endsWith('.ts') && !/\.(spec|contract|module|dto|d)\.ts$/.test(name))
    .filter((name) => !name.includes('/testing/'));
}

/** Vitest on changed sources. @returns whether all tests passed; undefined when they took too long */
function vitest(changes, specs, env = {}, patience = PATIENCE_MS) {
  const file = join(CACHE, 'changes.json');
  writeFileSync(file, JSON.stringify(changes));
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.mutate.config.ts', ...specs];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, MUTATE_CHANGES: file, ...env },
    stdio: 'ignore',
    detached: process.platform !== 'win32',
  });
  return new Promise((done) => {
    const timer = setTimeout(() => {
      // With its workers.
      if (process.platform === 'win32' || child.pid === undefined) child.kill('SIGKILL');
      else process.kill(-child.pid, 'SIGKILL');
      done(undefined);
    }, patience);
    child.on('exit', (code) => {
      clearTimeout(timer);
      done(code === 0);
    });
  });
}

/** A mark at the start of each function that tells that it was called. */
function marks(file, code) {
  const functions = functionsOf(file, code);
  const mark = ({ owner }) => `globalThis.calledFunctions?.add(${JSON.stringify(`${file}:${owner}`)})`;
  const inserts = functions.flatMap((one) =>
    one.at === undefined
      ? [
          [one.from, `(${mark(one)}, (`],
          [one.to, '))'],
        ]
      : [[one.at, `${mark(one)};`]],
  );
  return inserts
    .map(([at, text], order) => ({ start: at, end: at, text, order }))
    .toSorted((a, b) => b.start - a.start || b.order - a.order);
}

/** The test files that call each function, fastest first. */
async function callers(files) {
  const out = join(CACHE, 'hits.jsonl');
  rmSync(out, { force: true });
  const changes = Object.fromEntries(
    files.map((file) => [resolve(file), marks(resolve(file), readFileSync(file, 'utf8'))]),
  );
  const passed = await vitest(changes, options.tests, { MUTATE_HITS: out }, 900_000);
  if (!existsSync(out)) throw new Error('The tests did not run; see npm test');
  if (!passed) process.stderr.write('Some tests fail or were cut off without any change; see npm test\n');
  const found = new Map();
  const runs = readFileSync(out, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const { spec, calls } of runs.toSorted((a, b) => a.seconds - b.seconds)) {
    for (const call of calls) found.set(call, [...(found.get(call) ?? []), spec]);
  }
  return found;
}

/** Repeatable. */
function shuffled(list, seed) {
  let state = seed;
  const random = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  return list
    .map((item) => [random(), item])
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item);
}

function sample(target) {
  const all = filesBelow(target).flatMap((file) =>
    mutantsOf(file, readFileSync(file, 'utf8')).map((mutant) => ({ ...mutant, file, target })),
  );
  return shuffled(all, Number(options.seed)).slice(0, number('sample'));
}

/** How far a test is from a source: 0 beside it, 1 for tests about its folder, 2 for others. */
function distance(spec, source) {
  if (dirname(spec) === dirname(source)) return 0;
  const [, area] = relative('.', source).split(sep);
  const about = ABOUT[area] ?? [];
  return about.some((folder) => spec.startsWith(resolve('test', folder) + sep)) ? 1 : 2;
}

async function judge({ file, start, end, text, owner }, calledBy) {
  const path = resolve(file);
  const ofFile = () =>
    [...calledBy].filter(([call]) => call.startsWith(`${path}:`)).flatMap(([, specs]) => specs);
  // What runs when the file is loaded belongs to everyone who uses it.
  const specs = owner === -1 ? [...new Set(ofFile())] : (calledBy.get(`${path}:${owner}`) ?? []);
  if (specs.length === 0) return 'not reached';
  const chosen = specs.toSorted((a, b) => distance(a, path) - distance(b, path)).slice(0, MAX_SPECS);
  const passed = await vitest({ [path]: [{ start, end, text }] }, chosen);
  return passed ? 'survived' : passed === undefined ? 'timeout' : 'killed';
}

if (positionals.length === 0) {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}
mkdirSync(CACHE, { recursive: true });
const before = options.again === undefined ? undefined : JSON.parse(readFileSync(options.again, 'utf8'));
const leftOver = before?.filter(({ outcome }) => outcome !== 'killed' && outcome !== 'timeout');
const wanted = positionals.map(
  (target) => leftOver?.filter((one) => one.target === target) ?? sample(target),
);
process.stdout.write(`${wanted.flat().length} changes; first the tests as they are …\n`);
const calledBy = await callers([...new Set(positionals.flatMap(filesBelow))]);
process.stdout.write(`${Math.round((performance.now() - began) / 1000)} s\n`);
const results = [];
// In turn, so that a run that is cut off has something of each.
for (let index = 0; index < Math.max(...wanted.map(({ length }) => length)) && !isOver(); index += 1) {
  for (const mutants of wanted) {
    const mutant = mutants[index];
    if (!mutant || isOver()) continue;
    const outcome = await judge(mutant, calledBy);
    results.push({ ...mutant, outcome });
    // A run that is cut off leaves what it has found.
    if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(results, undefined, 2));
    if (outcome === 'killed' || outcome === 'timeout') continue;
    process.stdout.write(`${outcome}: ${relative('.', mutant.file)}:${mutant.line} ${mutant.what}\n`);
  }
}
for (const target of positionals) {
  const own = results.filter((one) => one.target === target);
  const noticed = own.filter(({ outcome }) => outcome === 'killed' || outcome === 'timeout').length;
  const share = own.length === 0 ? '–' : `${Math.round((noticed / own.length) * 100)} %`;
  const left = own.length - noticed;
  process.stdout.write(`${target}: ${noticed} of ${own.length} noticed (${share}), ${left} not\n`);
}
process.stdout.write(`${Math.round((performance.now() - began) / 1000)} s\n`);
