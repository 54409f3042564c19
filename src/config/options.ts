import type { z } from 'zod';
import { InvalidConfigurationError } from './configuration.js';
import { environmentSchema, type Environment } from './environment.js';
import type { openApiSource } from './openapi-sources.js';
import type { peerSettings } from './peer-settings.js';
import type { webhookSettings } from './webhook-settings.js';

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>;

/** Option types that differ from the type of their variable. */
interface OwnTypes {
  readonly PORT: number;
  readonly WEBSOCKET_PORT: number;
  readonly EXTRA_PORTS: readonly number[];
  readonly ALLOW_ANONYMOUS: boolean;
  readonly MCP_PEERS: readonly z.input<typeof peerSettings>[];
  readonly MCP_OPENAPI: readonly z.input<typeof openApiSource>[];
  readonly WEBHOOKS: readonly z.input<typeof webhookSettings>[];
  readonly WEBHOOK_ALLOWED_HOSTS: readonly string[];
  readonly WEBHOOK_RETRY_SECONDS: readonly number[];
}

type ValueOf<Name extends keyof Environment> = Name extends keyof OwnTypes
  ? OwnTypes[Name]
  : NonNullable<Environment[Name]>;

/**
 * Settings of an embedded Opstream. Each environment variable of `.env.example` is an option of the same name in
 * camelCase, with a typed value: `MAX_OPERATIONS` is `maxOperations: number`, `ALLOWED_ORIGINS` is `allowedOrigins:
 * string[]`. An omitted option has the variable's default.
 */
export type OpstreamOptions = {
  readonly [Name in keyof Environment as CamelCase<Name>]?: ValueOf<Name> | undefined;
};

const camelCase = (name: string): string =>
  name.toLowerCase().replaceAll(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());

/** Variables by option name. The variable's own name is accepted, too, for programs written before options existed. */
const VARIABLES = new Map(
  Object.keys(environmentSchema.shape).flatMap((name) => [
    [camelCase(name), name],
    [name, name],
  ]),
);

/**
 * Translates options to environment variables.
 * @throws InvalidConfigurationError for an unknown option
 */
export function environmentOf(options: OpstreamOptions): Record<string, string | undefined> {
  const unknown = Object.keys(options).filter((name) => !VARIABLES.has(name));
  if (unknown.length > 0) throw new InvalidConfigurationError(unknownOptions(unknown));
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [VARIABLES.get(name)!, variableText(value)]),
  );
}

function unknownOptions(names: readonly string[]): string {
  const lines = names.map((name) => `${name}: is not an option of Opstream`);
  return `Invalid configuration:\n  ${lines.join('\n  ')}`;
}

function variableText(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const isPlainList = Array.isArray(value) && value.every((item) => typeof item !== 'object');
  if (isPlainList) return value.join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
