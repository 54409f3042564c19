import { z } from 'zod';
import { openApiSources } from './openapi-sources.js';
import { PEER_SCHEMES, peerSettings } from './peer-settings.js';
import { webhookSettings } from './webhook-settings.js';

/** Schema of the service's environment variables; `Configuration` derives its types and defaults from it. */

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false', '1', '0'])
    .optional()
    .transform((value) => (value === undefined ? fallback : value === 'true' || value === '1'));

const whole = (fallback: number, min = 0, max = Number.MAX_SAFE_INTEGER) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

const text = () => z.string().optional();

const list = () =>
  z
    .string()
    .optional()
    .transform((value) =>
      (value ?? '')
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    );

const port = (value: string): boolean => /^\d{1,5}$/.test(value) && Number(value) <= 65_535;

/** Origins are compared literally: one with a path or capital letters would never match. */
const isOrigin = (value: string): boolean =>
  value === '*' || value === 'null' || /^[a-z][a-z\d+.-]*:\/\/[^/?#@A-Z\s]+$/.test(value);

const isHost = (value: string): boolean => /^[^/?#@\s]+$/.test(value);

/** Paths are appended to such a URL; credentials have their own setting. */
const isBaseUrl = (value: string): boolean => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return !url || url.username + url.password + url.search + url.hash === '';
};

const json = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .string()
    .optional()
    .transform((value, context) => {
      if (value === undefined) return [];
      try {
        return JSON.parse(value) as unknown;
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' });
        return z.NEVER;
      }
    })
    .pipe(z.array(schema));

const path = z
  .string()
  .regex(/^\/[A-Za-z0-9/_-]*$/, 'must be a path like /agents')
  .default('/agents');

export const environmentSchema = z
  .object({
    PORT: text().refine((value) => value === undefined || port(value), 'must be a port number'),
    WEBSOCKET_PORT: text().refine((value) => value === undefined || port(value), 'must be a port number'),
    EXTRA_PORTS: list().refine((ports) => ports.every(port), 'must be port numbers, separated by commas'),
    // An IPv6 address may be in brackets, as in a URL.
    HOST: z
      .string()
      .default('127.0.0.1')
      .transform((host) => host.replace(/^\[(.*)\]$/, '$1')),
    ENABLE_WEBSOCKET: flag(true),
    LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
    METRICS_OPERATION_TYPES: list(),

    STORE: z.enum(['sqlite', 'memory']).default('sqlite'),
    DATA_DIR: z.string().default('./data'),
    DURABILITY: z.enum(['normal', 'full']).default('normal'),
    BACKUP_DIR: text(),
    MAX_OPERATIONS: whole(1000, 1),
    MAX_TOOL_OPERATIONS: whole(10_000, 1),
    MAX_EVENTS_PER_OPERATION: whole(100_000, 10),
    OPERATION_MAX_AGE: whole(0),

    JWT_SECRET: text(),
    JWKS_URL: z.url().optional(),
    JWT_ISSUER: text(),
    JWT_AUDIENCE: text(),
    JWT_ROLE_CLAIM: text(),
    ALLOW_ANONYMOUS: z.enum(['true', 'false']).optional(),
    ALLOWED_ORIGINS: list().refine(
      (origins) => origins.every(isOrigin),
      'must be origins as browsers send them, like https://app.example.com, separated by commas, or *',
    ),
    ALLOWED_HOSTS: list().refine(
      (hosts) => hosts.every(isHost),
      'must be names like app.example.com, separated by commas',
    ),
    TRUST_PROXY: flag(false),

    WEBSOCKET_PATH: path,
    HEARTBEAT_INTERVAL_MS: whole(30_000, 50),
    HUB_AUTO_MONITOR_MS: whole(1000),
    MAX_CONNECTIONS_PER_USER: whole(5, 1),
    MAX_STREAMS_PER_USER: whole(1000, 1),
    MAX_SOCKETS_PER_USER: whole(20_000, 1),
    RATE_LIMIT_API: whole(100),
    RATE_LIMIT_AUTH: whole(10),
    RATE_LIMIT_WS: whole(1000),

    MCP_PING_INTERVAL_MS: whole(20_000, 50),
    MCP_PING_TIMEOUT_MS: whole(20_000, 50),
    MCP_CONNECT_TIMEOUT_MS: whole(30_000, 50),
    MCP_CLOSE_TIMEOUT_MS: whole(10_000, 50),
    MCP_REQUEST_TIMEOUT_MS: whole(60_000, 50),
    MCP_REQUEST_MAX_MS: whole(3_600_000, 50, 2_147_483_647),
    MCP_PEERS: json(peerSettings),
    EXTERNAL_WS_URL: z.url({ protocol: PEER_SCHEMES }).optional(),
    MCP_PEER_RETRY_MAX_MS: whole(60_000, 100),
    MCP_AUTH_REQUIRED: flag(false),
    MCP_STREAM_CONTENT: flag(true),
    MCP_LEGACY_SSE: flag(false),
    MCP_OPENAPI: openApiSources,
    MCP_TOOLSETS: list(),

    STREAMS: flag(true),
    STREAMS_PATH: z
      .string()
      .regex(/^(\/[A-Za-z0-9_-]+)+$/, 'must be a path like /v1/stream')
      .default('/v1/stream'),
    MAX_STREAM_BYTES: whole(1024 ** 3, 1),
    MAX_TENANT_STREAM_BYTES: whole(10 * 1024 ** 3, 1),
    MAX_TOTAL_STREAM_BYTES: whole(100 * 1024 ** 3, 1),
    MAX_STREAMS_PER_TENANT: whole(100_000, 1),
    BRIDGE_URL: z
      .url({ protocol: /^https?$/ })
      .refine(isBaseUrl, 'must be a host, maybe with a port and a path, and nothing else')
      .transform((value) => new URL(value).href.replace(/\/+$/, ''))
      .optional(),
    BRIDGE_SECRET: text(),
    SESSION_VISIBILITY: z.enum(['viewer', 'open']).default('viewer'),
    MAX_SESSIONS: whole(100_000, 1),
    MAX_MESSAGES_PER_SESSION: whole(100_000, 10, 2 ** 23),
    SESSION_MESSAGE_MAX_AGE: whole(0),

    FORGE_URL: z
      .url({ protocol: /^https?$/ })
      .refine(isBaseUrl, 'must be a host, maybe with a port and a path, and nothing else')
      .transform((value) => new URL(value).href.replace(/\/+$/, ''))
      .optional(),
    FORGE_TOKEN: text(),
    FORGE_TENANTS: z
      .string()
      .default('default')
      .transform((value) => value.split(',').map((tenant) => tenant.trim())),
    // 'seed' is the former name of 'legacy'.
    FORGE_API_FLAVOR: z
      .enum(['auto', 'forge', 'legacy', 'seed'])
      .default('auto')
      .transform((value) => (value === 'seed' ? 'legacy' : value)),
    FORGE_AGENT_LOGS: z.enum(['normalized', 'raw']).default('normalized'),
    FORGE_RECONNECT_ATTEMPTS: whole(5),
    FORGE_RECONNECT_DELAY_MS: whole(1000, 1),

    WEBHOOKS: json(webhookSettings),
    WEBHOOK_ALLOWED_HOSTS: list().refine(
      (hosts) => hosts.every(isHost),
      'must be names or addresses like hooks.internal, separated by commas',
    ),
    WEBHOOK_RETRY_SECONDS: list()
      .refine(
        (delays) =>
          delays.length <= 50 && delays.every((delay) => Number(delay) > 0 && Number(delay) <= 86_400),
        'must be up to 50 numbers of seconds up to a day, separated by commas',
      )
      .transform((delays) => delays.map(Number)),

    DASHBOARD_PATH: z
      .string()
      .regex(/^(?:off|\/|(?:\/[A-Za-z0-9_-]+)+)$/, 'must be a path like /dashboard, or off')
      .refine((value) => !SERVED.test(value), 'is served by the API')
      .optional(),

    DEMO: flag(false),
  })
  .refine(({ MCP_PEERS, EXTERNAL_WS_URL }) => distinct(MCP_PEERS, EXTERNAL_WS_URL), {
    message: 'has two peers of one name ("external" is that of EXTERNAL_WS_URL)',
    path: ['MCP_PEERS'],
  })
  .refine(({ WEBSOCKET_PATH }) => !RESERVED_PATHS.some((reserved) => matches(WEBSOCKET_PATH, reserved)), {
    message: 'is the path of another protocol',
    path: ['WEBSOCKET_PATH'],
  });

function distinct(peers: readonly { readonly name: string }[], external: string | undefined): boolean {
  const names = peers.map(({ name }) => name);
  if (external !== undefined) names.push('external');
  return new Set(names).size === names.length;
}

/** Paths of the other protocols; `*` stands for everything below. */
const RESERVED_PATHS = [
  '/',
  '/hub',
  '/mcp',
  '/mcp/*',
  '/ws',
  '/ws/*',
  '/sessions/*',
  '/api/*',
  '/broadcast/*',
];

/** First segments of the service's own HTTP paths. */
const SERVED = /^\/(?:api|mcp|hub|ws|agents|sessions|broadcast|metrics|v1|health|docs|examples)(?:\/|$)/;

function matches(candidate: string, reserved: string): boolean {
  return reserved.endsWith('/*') ? candidate.startsWith(reserved.slice(0, -1)) : candidate === reserved;
}

export type Environment = z.output<typeof environmentSchema>;

/** Settings of comparable services that a user might expect to work here. */
const WITHOUT_EFFECT = /^(?:REDIS_URL|DATABASE_URL|OTEL_[A-Z_]+)$/;

/** Variables that are set but have no effect; the service logs a warning. */
export function settingsWithoutEffect(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env).filter((name) => WITHOUT_EFFECT.test(name) && env[name] !== '');
}
