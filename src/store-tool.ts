import { existsSync, statSync } from 'node:fs';
import { nodeProblem } from './client/node-version.js';

/**
 * Maintains a store independently of the service, which may be running; `opstream backup` and `opstream check` run
 * this program. `node dist/store-tool.js backup <database> <file> [--json]`, `node dist/store-tool.js check <database>
 * [--json]`.
 */

const EXIT = { ok: 0, damaged: 1, usage: 2, refused: 4 } as const;
/** Findings printed; the rest is only counted. */
const SHOWN_FINDINGS = 1000;

type Write = (line: string) => void;
const out: Write = (line) => process.stdout.write(`${line}\n`);
const complain: Write = (line) => process.stderr.write(`opstream: ${line}\n`);

async function backup(database: string, file: string, json: boolean): Promise<number> {
  const { copyDatabase } = await import('./platform/sqlite/copy-database.js');
  const { countOperations, marksOf } = await import('./operations/adapters/backup-marks.js');
  const { bytes, inspected } = await copyDatabase(database, file, {
    inspect: (source) => ({ operations: countOperations(source), marks: marksOf(source) }),
  });
  const { operations, marks } = inspected;
  if (json) {
    out(JSON.stringify({ path: file, bytes, operations, marks: Object.fromEntries(marks) }));
    return EXIT.ok;
  }
  out(`Copied ${operations} operations to ${file} (${bytes} bytes)`);
  for (const [tenant, mark] of marks) out(`  ${tenant}: up to position ${mark}`);
  return EXIT.ok;
}

async function check(database: string, json: boolean): Promise<number> {
  const { checkStore } = await import('./operations/adapters/check-store.js');
  const findings: string[] = [];
  const report = checkStore(database, (finding) => {
    if (findings.length < SHOWN_FINDINGS) findings.push(finding);
  });
  const { path, bytes, schema, operations, events, log, epochs, marks, problems } = report;
  if (json) {
    out(JSON.stringify({ ...report, marks: Object.fromEntries(marks), findings }));
  } else {
    out(`${path}: ${bytes} bytes, schema ${schema}, ${operations} operations, ${events} events`);
    if (log !== null) out(`  log ${log}, ${epochs} epochs remembered`);
    for (const [tenant, mark] of marks) out(`  ${tenant}: up to position ${mark}`);
    for (const finding of findings) out(`  DAMAGED: ${finding}`);
    if (problems > findings.length) out(`  and ${problems - findings.length} more`);
    out(
      problems === 0 ? 'The store is sound.' : `${problems} problems. Restore a backup: docs/operations.md`,
    );
  }
  return problems === 0 ? EXIT.ok : EXIT.damaged;
}

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json');
  const [verb, database, file] = argv.filter((word) => word !== '--json');
  if (database === undefined || (verb !== 'check' && (verb !== 'backup' || file === undefined))) {
    complain('store-tool: backup <database> <file> [--json] | check <database> [--json]');
    return EXIT.usage;
  }
  if (!existsSync(database) || statSync(database).isDirectory()) {
    complain(`There is no store at ${database}. Name its folder with --data-dir or DATA_DIR.`);
    return EXIT.refused;
  }
  try {
    return await (verb === 'check' ? check(database, json) : backup(database, file!, json));
  } catch (thrown) {
    complain(thrown instanceof Error ? thrown.message : String(thrown));
    return EXIT.refused;
  }
}

const problem = nodeProblem();
if (problem !== undefined) complain(problem);
process.exitCode = problem === undefined ? await main(process.argv.slice(2)) : EXIT.damaged;
