import { createInterface, type Interface } from 'node:readline';
import { Command } from 'commander';
import { hubClient, withConnection, type ConnectionOptions } from '../connection-options.js';
import { EXIT } from '../exit-codes.js';
import { HELP, InteractiveSession } from '../interactive-session.js';
import { output } from '../terminal/output.js';
import { styleFor } from '../terminal/style.js';

const PROMPT = 'opstream> ';

export function interactiveCommand(): Command {
  return withConnection(new Command('interactive'))
    .description('interactive prompt; events of followed operations appear live')
    .action(async (options: ConnectionOptions) => {
      process.exitCode = await interactive(options);
    });
}

async function interactive(options: ConnectionOptions): Promise<number> {
  const hub = hubClient(options);
  try {
    await hub.connect();
    const terminal = createInterface({
      input: process.stdin,
      output: process.stdin.isTTY ? process.stdout : undefined,
      prompt: PROMPT,
    });
    const print = printer(terminal);
    const greeting = `Connected to ${options.url}\n${HELP}`;
    if (process.stdin.isTTY) print(greeting);
    else process.stderr.write(`${greeting}\n`);
    const session = new InteractiveSession(hub, print, styleFor(process.stdout));
    try {
      await readCommands(terminal, session, print);
    } finally {
      terminal.close();
      session.close();
    }
    return EXIT.ok;
  } finally {
    hub.close();
  }
}

async function readCommands(
  terminal: Interface,
  session: InteractiveSession,
  print: (text: string) => void,
): Promise<void> {
  terminal.on('SIGINT', () => terminal.close());
  if (process.stdin.isTTY) terminal.prompt();
  for await (const line of terminal) {
    try {
      if (!(await session.execute(line))) return;
    } catch (error) {
      print(error instanceof Error ? error.message : String(error));
    }
    if (process.stdin.isTTY) terminal.prompt();
  }
  // At the end of a script's input, followed operations are still shown to their end.
  if (!process.stdin.isTTY) await session.idle();
}

/** Prints above the line being typed. */
function printer(terminal: Interface): (text: string) => void {
  return (text) => {
    if (!process.stdin.isTTY) {
      void output.write(`${text}\n`);
      return;
    }
    process.stdout.write(`\r\u001B[K${text}\n`);
    terminal.prompt(true);
  };
}
