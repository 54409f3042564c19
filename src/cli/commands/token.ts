import { environment } from '../environment.js';
import { output } from '../terminal/output.js';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SignJWT } from 'jose';

interface TokenOptions {
  readonly sub: string;
  readonly tenant?: string;
  readonly role: 'user' | 'admin';
  readonly scope?: readonly string[];
  readonly expires: number;
}

/** Seconds per duration unit. */
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** The scopes the service knows; it ignores others. */
const SCOPES = [
  'operations:read',
  'operations:write',
  'sessions:read',
  'sessions:write',
  'streams:read',
  'streams:write',
  'mcp',
  'forge',
  'admin',
];
/** What the service accepts as tenant and user; it refuses tokens with anything else. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._@:|-]{0,127}$/;
const USER = /^[^]{1,200}$/;

export function tokenCommand(): Command {
  return new Command('token')
    .description('create a token signed with JWT_SECRET from the environment or ./.env')
    .option('--sub <user>', 'user id', user, 'local')
    .option('--tenant <tenant>', 'tenant (default: "default")', tenant)
    .addOption(
      new Option('--role <role>', 'user has every scope except admin')
        .choices(['user', 'admin'])
        .default('user'),
    )
    .addOption(new Option('--scope <scopes...>', 'only these scopes').choices(SCOPES))
    .option('--expires <duration>', 'lifetime in seconds, or with a unit: 30m, 12h, 7d', duration, 3600)
    .action(async (options: TokenOptions) => {
      await output.write(`${await mint(options, localSecret())}\n`);
    });
}

function mint({ sub, tenant, role, scope, expires }: TokenOptions, secret: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = environment();
  const claims = {
    sub,
    role,
    iat: now,
    exp: now + expires,
    ...(tenant !== undefined && { tenant }),
    ...(scope !== undefined && { scope: scope.join(' ') }),
    ...(issuer && { iss: issuer }),
    ...(audience && { aud: audience }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(new TextEncoder().encode(secret));
}

function localSecret(): string {
  const { JWT_SECRET: secret } = environment();
  if (secret) return secret;
  throw new Error(
    'There is no JWT_SECRET, neither in the environment nor in ./.env; the service needs the same one',
  );
}

function user(text: string): string {
  if (USER.test(text)) return text;
  throw new InvalidArgumentError('A user has 1 to 200 characters.');
}

function tenant(text: string): string {
  if (TENANT.test(text)) return text;
  throw new InvalidArgumentError(
    'A tenant has letters, digits and ._@:-| (the first a letter or digit), at most 128.',
  );
}

function duration(text: string): number {
  const [, digits, unit] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
  const seconds = Number(digits) * UNITS[unit || 's']!;
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError('A duration is a whole number, with s, m, h or d behind it.');
}
