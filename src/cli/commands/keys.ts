import { Command, InvalidArgumentError, Option } from 'commander';
import { restClient, wholeNumber, withConnection, type ConnectionOptions } from '../connection-options.js';
import { output } from '../terminal/output.js';
import { printableLine } from '../terminal/printable.js';
import { styleFor } from '../terminal/style.js';
import type { ApiKey } from '../../client/index.js';

interface CreateOptions extends ConnectionOptions {
  readonly role?: 'user' | 'admin';
  readonly scope?: readonly string[];
  readonly user?: string;
  readonly expiresIn?: number;
}

export function keysCommand(): Command {
  return new Command('keys')
    .description('API keys of your tenant (needs the scope admin)')
    .addCommand(listKeys(), { isDefault: true })
    .addCommand(createKey())
    .addCommand(revokeKey());
}

function listKeys(): Command {
  return withConnection(new Command('list'))
    .description('list the keys, without the keys themselves')
    .option('--json', 'as JSON')
    .action(async (options: ConnectionOptions & { json?: boolean }) => {
      const keys = await restClient(options).listApiKeys();
      await output.write(options.json ? `${JSON.stringify(keys)}\n` : table(keys));
    });
}

function createKey(): Command {
  return withConnection(new Command('create'))
    .description('make a key and print it; it is shown this once')
    .argument('<name>', 'what it is for')
    .addOption(new Option('--role <role>', 'user: every scope but admin').choices(['user', 'admin']))
    .option('--scope <scopes...>', 'these scopes alone')
    .option('--user <user>', 'whom requests with it count as; you by default')
    .option('--expires-in <seconds>', 'it holds until it is revoked otherwise', wholeNumber(1))
    .action(async (name: string, { role, scope, user, expiresIn, ...connection }: CreateOptions) => {
      if (name.trim() === '') throw new InvalidArgumentError('A key needs a name.');
      const request = { name, role, scopes: scope, user_id: user, expires_in: expiresIn };
      const { key, id } = await restClient(connection).createApiKey(request);
      process.stderr.write(`Key ${id}:\n`);
      await output.write(`${key}\n`);
    });
}

function revokeKey(): Command {
  return withConnection(new Command('revoke'))
    .description('end a key and every connection that it opened')
    .argument('<key-id>')
    .action(async (id: string, options: ConnectionOptions) => {
      await restClient(options).revokeApiKey(id);
      await output.write(`Revoked ${id}\n`);
    });
}

function table(keys: readonly ApiKey[]): string {
  if (keys.length === 0) return 'No keys\n';
  const rows = [
    ['ID', 'NAME', 'USER', 'EXPIRES', 'SCOPES'],
    ...keys.map(({ id, name, user_id: user, expires_at: expires, scopes }) =>
      [
        id,
        name,
        user,
        expires === null ? 'never' : new Date(expires * 1000).toISOString(),
        scopes.join(' '),
      ].map(printableLine),
    ),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  return `${styleFor(output.stream)('bold', lines[0]!)}\n${lines
    .slice(1)
    .map((line) => `${line}\n`)
    .join('')}`;
}
