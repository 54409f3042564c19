import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { backupCommand } from './commands/backup.js';
import { cancelCommand } from './commands/cancel.js';
import { checkCommand } from './commands/check.js';
import { deleteCommand } from './commands/delete.js';
import { demoCommand } from './commands/demo.js';
import { emitCommand } from './commands/emit.js';
import { forgeCommand } from './commands/forge.js';
import { getCommand } from './commands/get.js';
import { inputCommand } from './commands/input.js';
import { interactiveCommand } from './commands/interactive.js';
import { keysCommand } from './commands/keys.js';
import { listCommand } from './commands/list.js';
import { logsCommand } from './commands/logs.js';
import { monitorCommand } from './commands/monitor.js';
import { resultCommand } from './commands/result.js';
import { runCommand } from './commands/run.js';
import { serveCommand } from './commands/serve.js';
import { sessionCommand } from './commands/session.js';
import { streamCommand } from './commands/stream.js';
import { statsCommand } from './commands/stats.js';
import { tokenCommand } from './commands/token.js';
import { watchCommand } from './commands/watch.js';
import { EXIT, exitCodeOf, explain } from './exit-codes.js';
import { output } from './terminal/output.js';

const COMMANDS = [
  serveCommand,
  runCommand,
  watchCommand,
  monitorCommand,
  listCommand,
  getCommand,
  logsCommand,
  resultCommand,
  emitCommand,
  inputCommand,
  cancelCommand,
  deleteCommand,
  statsCommand,
  interactiveCommand,
  demoCommand,
  tokenCommand,
  keysCommand,
  forgeCommand,
  sessionCommand,
  streamCommand,
  backupCommand,
  checkCommand,
];

const EXAMPLES = `
Examples:
  $ opstream serve                          start the service on http://127.0.0.1:8765
  $ opstream run -- npm test                run any program as an operation
  $ opstream monitor                        follow all operations live
  $ opstream list --status active           list running operations
  $ opstream watch 3f2a                     follow one operation, by id or id prefix
  $ opstream result 3f2a | jq .             print its result as JSON`;

/** Runs one command line and sets `process.exitCode`. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  // Failing to print a notice must not end the work.
  process.stderr.on('error', () => {});
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    // `opstream list | head -1` ends quietly, as other programs do.
    if (output.gone.aborted) return;
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      return;
    }
    process.stderr.write(`opstream: ${explain(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

function createProgram(): Command {
  const program = new Command('opstream')
    .description('Durable, live streams of long-running operations')
    .version(version())
    .enablePositionalOptions()
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(see opstream --help)');
  for (const create of COMMANDS) program.addCommand(create());
  throwInsteadOfExit(program);
  return program;
}

/** Commander would exit with 1; ours is 2 for an invalid command line. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
