import { Command, Option } from 'commander';
import { SharedSession, type SessionMessage, type Visibility } from '../../client/index.js';
import { restClient, wholeNumber, withConnection, type ConnectionOptions } from '../connection-options.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../interrupt.js';
import { output } from '../terminal/output.js';
import { printableLine } from '../terminal/printable.js';

interface JsonOption extends ConnectionOptions {
  readonly json?: boolean;
}

export function sessionCommand(): Command {
  return new Command('session')
    .description('work with shared sessions')
    .addCommand(createSession())
    .addCommand(say())
    .addCommand(follow())
    .addCommand(search());
}

function createSession(): Command {
  return withConnection(new Command('create'))
    .description('create a session and print its id')
    .argument('<purpose>')
    .option('--id <id>', 'session id (default: a new one)')
    .action(async (purpose: string, { id, ...connection }: ConnectionOptions & { id?: string }) => {
      const session = await SharedSession.create(
        restClient(connection),
        purpose,
        id === undefined ? {} : { sessionId: id },
      );
      await output.write(`${session.session_id}\n`);
    });
}

function say(): Command {
  return withConnection(new Command('say'))
    .description('add a message')
    .argument('<session-id>')
    .argument('<text>')
    .addOption(
      new Option('--visibility <visibility>', 'who can see the message')
        .choices(['public', 'private', 'agent_only', 'admin_only'])
        .default('public'),
    )
    .option('--key <key>', 'idempotency key: a message with a known key is not added again')
    .option('--json', 'print the message as JSON')
    .action(
      async (id: string, text: string, options: JsonOption & { visibility: Visibility; key?: string }) => {
        const { visibility, key, json, ...connection } = options;
        const session = new SharedSession(restClient(connection), id);
        const message = await session.send(text, {
          visibility,
          ...(key !== undefined && { message_key: key }),
        });
        await output.write(json ? `${JSON.stringify(message)}\n` : `${message.seq}\n`);
      },
    );
}

function follow(): Command {
  return withConnection(new Command('follow'))
    .description('print the messages of a session, then follow it live')
    .argument('<session-id>')
    .option('--after-seq <seq>', 'start after this message', wholeNumber(0), 0)
    .option('--json', 'one JSON message per line')
    .action(async (id: string, { afterSeq, json, ...connection }: JsonOption & { afterSeq: number }) => {
      const session = new SharedSession(restClient(connection), id);
      await session.info();
      process.exitCode = await untilInterrupted(async (signal) => {
        for await (const message of session.follow({ afterSeq, signal })) {
          await output.write(json ? `${JSON.stringify(message)}\n` : lineOf(message));
        }
        return EXIT.ok;
      });
    });
}

function search(): Command {
  return withConnection(new Command('search'))
    .description('fuzzy search in the messages, best match first')
    .argument('<session-id>')
    .argument('<text>')
    .option('--threshold <score>', 'minimum similarity', wholeNumber(0, 100), 60)
    .option('--limit <count>', 'maximum number of results', wholeNumber(1, 100), 10)
    .option('--json', 'one JSON result per line')
    .action(async (id: string, text: string, options: JsonOption & { threshold: number; limit: number }) => {
      const { threshold, limit, json, ...connection } = options;
      const hits = await new SharedSession(restClient(connection), id).search(text, { threshold, limit });
      const lines = hits.map((hit) =>
        json ? `${JSON.stringify(hit)}\n` : `${hit.score}\t${lineOf(hit.message)}`,
      );
      await output.write(lines.join(''));
      if (hits.length === 0) process.exitCode = EXIT.failed;
    });
}

function lineOf({ seq, sender, content, visibility }: SessionMessage): string {
  const mark = visibility === 'public' ? '' : ` [${visibility}]`;
  return `${seq}\t${printableLine(sender)}${mark}\t${printableLine(content)}\n`;
}
