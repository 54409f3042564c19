import { spawn, type ChildProcess } from 'node:child_process';
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
import { EXIT } from '../exit-codes.js';
import { CommandRecorder, type CommandEnd } from '../run/command-recorder.js';
import { OutputTap } from '../run/output-tap.js';

interface RunOptions extends ConnectionOptions {
  readonly type?: string;
  readonly operationId?: string;
  readonly killAfter: number;
  readonly progress: boolean;
  readonly quiet?: boolean;
}

export function runCommand(): Command {
  return withConnection(new Command('run'))
    .description('run any program as an operation: its output, progress and end become events')
    .usage('[options] -- <command...>')
    .argument('<command...>')
    .passThroughOptions()
    .option('--type <type>', 'type of the operation; "run/" and the name of the program by default')
    .option('--operation-id <id>', 'id of the operation; a new one by default')
    .option('--kill-after <seconds>', 'time a cancelled program has to stop', wholeNumber(0), 5)
    .option('--no-progress', 'take no percentages and counters from the output')
    .option('--quiet', 'say nothing of our own')
    .action(async (command: string[], options: RunOptions) => {
      process.exitCode = await run(command, options);
    });
}

/** @returns the exit code of the program, whatever became of the recording */
async function run(command: string[], options: RunOptions): Promise<number> {
  const [program, ...args] = command as [string, ...string[]];
  const taps: OutputTap[] = [];
  const recorder = new CommandRecorder(
    restClient(options),
    options.type ?? `run/${basename(program)}`,
    { command, cwd: process.cwd() },
    options.operationId,
    (wait) => taps.forEach((tap) => (wait ? tap.hold() : tap.release())),
    options.progress,
  );
  const say = (text: string): void => {
    if (!options.quiet) process.stderr.write(`opstream: ${text}\n`);
  };
  say(`operation ${recorder.operationId}`);
  recorder.start();
  tellTroubles(recorder, say);

  // Without a terminal the program leads a process group of its own, so that all it started can be stopped with it.
  // On a terminal it stays in ours: otherwise it could not read from the keyboard.
  const ownGroup = !process.stdin.isTTY;
  const child = spawn(program, args, {
    stdio: ['inherit', 'pipe', 'pipe'],
    detached: ownGroup,
    env: { ...process.env, OPSTREAM_URL: options.url, OPSTREAM_OPERATION_ID: recorder.operationId },
  });
  taps.push(
    new OutputTap(child.stdout, process.stdout, (text) => recorder.output('stdout', text)),
    new OutputTap(child.stderr, process.stderr, (text) => recorder.output('stderr', text)),
  );

  let interrupted: NodeJS.Signals | undefined;
  let ended = false;
  const kill = (signal: NodeJS.Signals): void => sendSignal(child, signal, ownGroup);
  const stopPassing = passSignals(kill, (signal) => {
    // Once the program is over, whoever interrupts does not want to wait for the recording.
    if (ended) recorder.close();
    else interrupted = signal;
  });
  const hub = hubClient(options);
  let cancelled = false;
  const cancellation = stopWhenCancelled(
    hub,
    recorder.operationId,
    kill,
    options.killAfter * 1000,
    (reason) => {
      cancelled = true;
      say(`the operation was cancelled${reason ? `: ${reason}` : ''}`);
    },
  );
  const end = await endOf(child);
  await Promise.all(taps.map((tap) => tap.finished));
  ended = true;
  cancellation.abort();
  hub.close();
  if (end.kind === 'not-started') say(end.message);

  const how: CommandEnd =
    interrupted && end.kind !== 'not-started' ? { kind: 'interrupted', signal: interrupted } : end;
  await recordEnd(recorder, how, say);
  const { stopped } = recorder;
  if (stopped?.code === 'operation_ended' && !cancelled) say(`not recorded: ${stopped.message}`);
  stopPassing();
  return exitCode(end);
}

function tellTroubles(recorder: CommandRecorder, say: (text: string) => void): void {
  recorder.onUnreachable((error) =>
    say(`${error.message}; the program runs on, and is recorded once the service answers`),
  );
  recorder.onStopped((error: OpstreamClientError) => {
    // Whether the end was a cancellation, and thus no trouble, the hub may tell a moment later.
    if (error.code !== 'operation_ended' && error.code !== 'closed') say(`not recorded: ${error.message}`);
  });
}

/** Ends the program when somebody cancels the operation. The recording itself would only notice with its next event. */
function stopWhenCancelled(
  hub: HubClient,
  operationId: string,
  kill: (signal: NodeJS.Signals) => void,
  killAfterMs: number,
  onCancelled: (reason: string) => void,
): AbortController {
  const controller = new AbortController();
  const watch = async (): Promise<void> => {
    for await (const event of hub.follow(operationId, {
      afterSeq: 0,
      coalesce: true,
      signal: controller.signal,
    })) {
      if (event.event_type !== 'cancelled') continue;
      onCancelled(event.data.reason);
      kill('SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), killAfterMs);
      controller.signal.addEventListener('abort', () => clearTimeout(timer));
    }
  };
  // Without a hub the program runs all the same; it then learns of a cancellation by nothing but its end.
  watch().catch(() => {});
  return controller;
}

function sendSignal(child: ChildProcess, signal: NodeJS.Signals, group: boolean): void {
  if (child.pid === undefined) return;
  try {
    process.kill(group ? -child.pid : child.pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}

function endOf(child: ChildProcess): Promise<CommandEnd> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(notStarted(error)));
    child.on('exit', (code, signal) =>
      resolve(signal ? { kind: 'killed', signal } : { kind: 'exited', code: code ?? EXIT.failed }),
    );
  });
}

function notStarted(error: NodeJS.ErrnoException): CommandEnd {
  const missing = error.code === 'ENOENT';
  const message = missing ? `There is no program ${error.path ?? ''}` : error.message;
  return { kind: 'not-started', message, code: missing ? EXIT.notFound : EXIT.notExecutable };
}

async function recordEnd(
  recorder: CommandRecorder,
  how: CommandEnd,
  say: (text: string) => void,
): Promise<void> {
  try {
    await recorder.end(how);
  } catch {
    // `stopped` has told why, unless it was our patience that ended.
    if (recorder.stopped?.code === 'closed')
      say('not recorded to the end: the service did not answer in time');
  }
}

function exitCode(end: CommandEnd): number {
  return 'code' in end ? end.code : exitCodeOfChild(null, end.signal);
}
