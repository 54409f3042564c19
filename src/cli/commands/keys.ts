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
    .description('manage the API keys of your tenant (requires the scope admin)')
    .addCommand(listKeys(), { isDefault: true })
    .addCommand(createKey())
    .addCommand(revokeKey());
}

function listKeys(): Command {
  return withConnection(new Command('list'))
    .description('list keys; the secrets are not shown')
    .option('--json', 'print as JSON')
    .action(async (options: ConnectionOptions & { json?: boolean }) => {
      const keys = await restClient(options).listApiKeys();
      await output.write(options.json ? `${JSON.stringify(keys)}\n` : table(keys));
    });
}

function createKey(): Command {
  return withConnection(new Command('create'))
    .description('create a key and print it; it is shown only once')
    .argument('<name>', 'what the key is for')
    .addOption(new Option('--role <role>', 'user has every scope except admin').choices(['user', 'admin']))
    .option('--scope <scopes...>', 'only these scopes')
    .option('--user <user>', 'user id the key acts as (default: you)')
    .option('--expires-in <seconds>', 'lifetime (default: until revoked)', wholeNumber(1))
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
    .description('revoke a key and close every connection opened with it')
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
