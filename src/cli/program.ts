import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { cancelCommand } from './commands/cancel.js';
import { forgeCommand } from './commands/forge.js';
import { interactiveCommand } from './commands/interactive.js';
import { listCommand } from './commands/list.js';
import { monitorCommand } from './commands/monitor.js';
import { runCommand } from './commands/run.js';
import { serveCommand } from './commands/serve.js';
import { statsCommand } from './commands/stats.js';
import { tokenCommand } from './commands/token.js';
import { watchCommand } from './commands/watch.js';
import { EXIT, exitCodeOf, explain } from './exit-codes.js';

const COMMANDS = [
  serveCommand,
  runCommand,
  watchCommand,
  monitorCommand,
  listCommand,
  statsCommand,
  cancelCommand,
  interactiveCommand,
  tokenCommand,
  forgeCommand,
];

/** Runs one command line and leaves the exit code in `process.exitCode`. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  // `opstream watch … | head` ends quietly, as other programs do.
  process.stdout.on('error', onOutputError);
  process.stderr.on('error', onOutputError);
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
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
    .showHelpAfterError('(see opstream --help)');
  for (const create of COMMANDS) program.addCommand(create());
  throwInsteadOfExit(program);
  return program;
}

/** Commander would end the process with 1; ours is 2 for a command line that is not valid. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exitCode ??= EXIT.ok;
}
