import { basename } from 'node:path';
import { Command } from 'commander';
import type { HubClient, OpstreamClientError } from '../../client/index.js';
import { exitCodeOfChild, passSignals } from '../child-signals.js';
import {
  hubClient,
  restClient,
  wholeNumber,
  withConnection,
  type ConnectionOptions,
} from '../connection-options.js';
import { output } from '../terminal/output.js';
import { ChildProgram } from '../run/child-program.js';
import { recordedCommand } from '../run/recorded-command.js';
import { CommandRecorder, type CommandEnd } from '../run/command-recorder.js';

interface RunOptions extends ConnectionOptions {
  readonly type?: string;
  readonly operationId?: string;
  readonly killAfter: number;
  readonly progress: boolean;
  readonly tty: boolean;
  readonly quiet?: boolean;
}

export function runCommand(): Command {
  return withConnection(new Command('run'))
    .description('run any program as an operation: its output, progress and exit become events')
    .usage('[options] -- <command...>')
    .argument('<command...>')
    .passThroughOptions()
    .option('--type <type>', 'operation type (default: "run/" and the name of the program)')
    .option('--operation-id <id>', 'operation id (default: a new one)')
    .option(
      '--kill-after <seconds>',
      'time a cancelled program gets to stop before it is killed',
      wholeNumber(0),
      5,
    )
    .option('--no-progress', 'do not detect progress in the output')
    .option('--no-tty', 'give the program pipes even when run from a terminal')
    .option('--quiet', 'print only the output of the program')
    .action(async (command: [string, ...string[]], options: RunOptions) => {
      process.exitCode = await run(command, options);
    });
}

/** @returns the exit code of the program, regardless of the recording */
async function run(command: [string, ...string[]], options: RunOptions): Promise<number> {
  const say = (text: string): void => {
    if (!options.quiet) process.stderr.write(`opstream: ${text}\n`);
  };
  const recorder = new CommandRecorder(
    restClient(options),
    options.type ?? `run/${basename(command[0])}`,
    { command: recordedCommand(command), cwd: process.cwd() },
    options.operationId,
    (wait) => program.hold(wait),
    options.progress,
  );
  const { operationId } = recorder;
  say(`operation ${operationId}`);
  const env = { OPSTREAM_URL: options.url, OPSTREAM_OPERATION_ID: operationId };
  let interrupted: NodeJS.Signals | undefined;
  let ended = false;
  const program = new ChildProgram(command, {
    env,
    terminal: options.tty,
    onOutput: (stream, text) => recorder.output(stream, text),
    onInterrupt: (signal) => (interrupted = signal),
  });
  recorder.start();
  tellTroubles(recorder, say);

  const stopPassing = passSignals(
    (signal) => program.interrupt(signal),
    (signal) => {
      // Once the program has ended, an interrupt means: do not wait for the recording.
      if (ended) recorder.close();
      else interrupted = signal;
    },
  );
  const cancellation = new Cancellation(hubClient(options), operationId, program, options.killAfter, say);
  const end = await program.ended;
  ended = true;
  cancellation.close();
  if (end.kind === 'not-started') say(end.message);

  const how: CommandEnd =
    interrupted && end.kind !== 'not-started' ? { kind: 'interrupted', signal: interrupted } : end;
  await recordEnd(recorder, how, say);
  const { stopped } = recorder;
  if (stopped?.code === 'operation_ended' && !cancellation.seen) say(`not recorded: ${stopped.message}`);
  stopPassing();
  if (interrupted) output.end();
  return exitCode(end);
}

function tellTroubles(recorder: CommandRecorder, say: (text: string) => void): void {
  recorder.onUnreachable((error) =>
    say(`${error.message}; the program runs on, and is recorded once the service answers`),
  );
  recorder.onStopped((error: OpstreamClientError) => {
    // If it ended by cancellation, which is not a problem, the hub may report that a moment later.
    if (error.code !== 'operation_ended' && error.code !== 'closed') say(`not recorded: ${error.message}`);
  });
}

/** Ends the program when the operation is cancelled. The recorder would notice only with its next event. */
class Cancellation {
  seen = false;
  readonly #abort = new AbortController();

  constructor(
    private readonly hub: HubClient,
    operationId: string,
    program: ChildProgram,
    killAfterSeconds: number,
    say: (text: string) => void,
  ) {
    const { signal } = this.#abort;
    const watch = async (): Promise<void> => {
      for await (const event of hub.follow(operationId, { afterSeq: 0, coalesce: true, signal })) {
        if (event.event_type !== 'cancelled') continue;
        this.seen = true;
        say(`the operation was cancelled${event.data.reason ? `: ${event.data.reason}` : ''}`);
        program.kill('SIGTERM');
        const timer = setTimeout(() => program.kill('SIGKILL'), killAfterSeconds * 1000);
        signal.addEventListener('abort', () => clearTimeout(timer));
      }
    };
    // Without a hub the program runs all the same; a cancellation then has no effect on it.
    watch().catch(() => {});
  }

  close(): void {
    this.#abort.abort();
    this.hub.close();
  }
}

async function recordEnd(
  recorder: CommandRecorder,
  how: CommandEnd,
  say: (text: string) => void,
): Promise<void> {
  try {
    await recorder.end(how);
  } catch {
    // `stopped` has reported the reason, unless we gave up waiting.
    if (recorder.stopped?.code === 'closed')
      say('not recorded to the end: the service did not answer in time');
  }
}

function exitCode(end: CommandEnd): number {
  return 'code' in end ? end.code : exitCodeOfChild(null, end.signal);
}
