import { join } from 'node:path';
import { environmentSchema, type Environment } from './environment.js';
import type { OpenApiSource } from './openapi-sources.js';
import { mutualPeer, type McpPeerConfiguration } from './peer-settings.js';

/** A setting that the service cannot start with; the message lists every one of them. */
export class InvalidConfigurationError extends Error {
  override readonly name = 'InvalidConfigurationError';
}

/**
 * The validated settings of one service, grouped by who uses them. Also the injection token: a provider asks for
 * `Configuration`. Durations are milliseconds where the name ends in `Ms`, seconds otherwise.
 */
export class Configuration {
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Further ports that serve the same, for programs written for another project's port. */
    readonly extraPorts: readonly number[];
    readonly allowedOrigins: readonly string[];
    readonly allowedHosts: readonly string[];
    /** The service stands behind one proxy of its own: clients' addresses come from `X-Forwarded-For`. */
    readonly trustProxy: boolean;
  };
  readonly logLevel: Environment['LOG_LEVEL'];
  readonly demo: boolean;
  /** Types of operations that have a label of their own in metrics. */
  readonly measuredTypes: readonly string[];
  readonly store: {
    readonly kind: Environment['STORE'];
    readonly dataDir: string;
    readonly durability: Environment['DURABILITY'];
    /** Where administrators have copies of the store written; they name files in it, never paths. */
    readonly backupDir: string;
    readonly maxOperations: number;
    readonly maxToolOperations: number;
    readonly maxEventsPerOperation: number;
    readonly maxAge: number;
  };
  readonly auth: {
    readonly jwtSecret: string | undefined;
    readonly jwksUrl: string | undefined;
    readonly issuer: string | undefined;
    readonly audience: string | undefined;
    /** The claim that makes administrators, beside scopes. Undefined: none does. */
    readonly roleClaim: string | undefined;
    /** Undefined: anonymous on loopback addresses only. */
    readonly allowAnonymous: boolean | undefined;
    readonly rateLimits: { readonly api: number; readonly auth: number; readonly ws: number };
  };
  readonly streaming: {
    readonly enabled: boolean;
    readonly agentsPath: string;
    readonly heartbeatIntervalMs: number;
    readonly autoMonitorMs: number;
    readonly maxConnectionsPerUser: number;
    readonly maxStreamsPerUser: number;
  };
  readonly mcp: {
    readonly pingIntervalMs: number;
    readonly pingTimeoutMs: number;
    readonly connectTimeoutMs: number;
    readonly closeTimeoutMs: number;
    readonly requestTimeoutMs: number;
    readonly requestMaxMs: number;
    readonly peers: readonly McpPeerConfiguration[];
    readonly peerRetryMaxMs: number;
    readonly authRequired: boolean;
    /** Whether the transport of 2024-11-05 is served as well. */
    readonly legacySse: boolean;
    readonly streamContent: boolean;
    readonly openapi: readonly OpenApiSource[];
    /** Sets of tools that are offered; empty: all. */
    readonly toolsets: readonly string[];
  };
  readonly streams: {
    /** Path of all streams; undefined: the protocol is off. */
    readonly path: string | undefined;
    readonly limits: {
      readonly maxStreamBytes: number;
      readonly maxTenantBytes: number;
      /** Of all tenants. */
      readonly maxTotalBytes: number;
      readonly maxStreamsPerTenant: number;
    };
  };
  readonly sessions: {
    /** Where messages are announced beside this process; undefined: nowhere. */
    readonly bridgeUrl: string | undefined;
    /** What both ends of a bridge know; undefined: only loopback addresses may announce. */
    readonly bridgeSecret: string | undefined;
    /** `open`: everyone sees every message of a session. */
    readonly visibility: Environment['SESSION_VISIBILITY'];
    readonly maxSessions: number;
    readonly maxMessages: number;
    /** Seconds that a message is kept; 0: no limit. */
    readonly messageMaxAge: number;
  };
  readonly forge: {
    /** Undefined: the module is off. */
    readonly url: string | undefined;
    readonly token: string | undefined;
    /** Tenants that may use Forge, which knows none itself; `*` for all. */
    readonly tenants: readonly string[];
    readonly flavor: Environment['FORGE_API_FLAVOR'];
    readonly agentLogs: Environment['FORGE_AGENT_LOGS'];
    /** Consecutive failures to connect after which a stream is given up. */
    readonly reconnectAttempts: number;
    /** The first wait; each further one is twice as long. */
    readonly reconnectDelayMs: number;
  };

  private constructor(env: Environment) {
    this.http = {
      host: env.HOST,
      port: Number(env.PORT ?? env.WEBSOCKET_PORT ?? 8765),
      extraPorts: env.EXTRA_PORTS.map(Number),
      allowedOrigins: env.ALLOWED_ORIGINS,
      allowedHosts: env.ALLOWED_HOSTS,
      trustProxy: env.TRUST_PROXY,
    };
    this.logLevel = env.LOG_LEVEL;
    this.demo = env.DEMO;
    this.measuredTypes = env.METRICS_OPERATION_TYPES;
    this.store = {
      kind: env.STORE,
      dataDir: env.DATA_DIR,
      durability: env.DURABILITY,
      backupDir: env.BACKUP_DIR ?? join(env.DATA_DIR, 'backups'),
      maxOperations: env.MAX_OPERATIONS,
      maxToolOperations: env.MAX_TOOL_OPERATIONS,
      maxEventsPerOperation: env.MAX_EVENTS_PER_OPERATION,
      maxAge: env.OPERATION_MAX_AGE,
    };
    this.auth = {
      jwtSecret: env.JWT_SECRET,
      jwksUrl: env.JWKS_URL,
      issuer: env.JWT_ISSUER,
      // A key set signs for many services: its tokens have to name this one.
      audience: env.JWT_AUDIENCE ?? (env.JWKS_URL === undefined ? undefined : 'opstream'),
      roleClaim: env.JWT_ROLE_CLAIM ?? (env.JWKS_URL === undefined ? 'role' : undefined),
      allowAnonymous: env.ALLOW_ANONYMOUS === undefined ? undefined : env.ALLOW_ANONYMOUS === 'true',
      rateLimits: { api: env.RATE_LIMIT_API, auth: env.RATE_LIMIT_AUTH, ws: env.RATE_LIMIT_WS },
    };
    this.streaming = {
      enabled: env.ENABLE_WEBSOCKET,
      agentsPath: env.WEBSOCKET_PATH,
      heartbeatIntervalMs: env.HEARTBEAT_INTERVAL_MS,
      autoMonitorMs: env.HUB_AUTO_MONITOR_MS,
      maxConnectionsPerUser: env.MAX_CONNECTIONS_PER_USER,
      maxStreamsPerUser: env.MAX_STREAMS_PER_USER,
    };
    this.mcp = {
      pingIntervalMs: env.MCP_PING_INTERVAL_MS,
      pingTimeoutMs: env.MCP_PING_TIMEOUT_MS,
      connectTimeoutMs: env.MCP_CONNECT_TIMEOUT_MS,
      closeTimeoutMs: env.MCP_CLOSE_TIMEOUT_MS,
      requestTimeoutMs: env.MCP_REQUEST_TIMEOUT_MS,
      requestMaxMs: env.MCP_REQUEST_MAX_MS,
      peers: [
        ...env.MCP_PEERS,
        ...(env.EXTERNAL_WS_URL === undefined ? [] : [mutualPeer('external', env.EXTERNAL_WS_URL)]),
      ],
      peerRetryMaxMs: env.MCP_PEER_RETRY_MAX_MS,
      authRequired: env.MCP_AUTH_REQUIRED,
      streamContent: env.MCP_STREAM_CONTENT,
      legacySse: env.MCP_LEGACY_SSE,
      openapi: env.MCP_OPENAPI,
      toolsets: env.MCP_TOOLSETS.map((name) => name.toLowerCase()).filter((name) => name !== 'all'),
    };
    this.streams = {
      path: env.STREAMS ? env.STREAMS_PATH : undefined,
      limits: {
        maxStreamBytes: env.MAX_STREAM_BYTES,
        maxTenantBytes: env.MAX_TENANT_STREAM_BYTES,
        maxTotalBytes: env.MAX_TOTAL_STREAM_BYTES,
        maxStreamsPerTenant: env.MAX_STREAMS_PER_TENANT,
      },
    };
    this.sessions = {
      bridgeUrl: env.BRIDGE_URL,
      bridgeSecret: env.BRIDGE_SECRET,
      visibility: env.SESSION_VISIBILITY,
      maxSessions: env.MAX_SESSIONS,
      maxMessages: env.MAX_MESSAGES_PER_SESSION,
      messageMaxAge: env.SESSION_MESSAGE_MAX_AGE,
    };
    this.forge = {
      url: env.FORGE_URL,
      token: env.FORGE_TOKEN,
      tenants: env.FORGE_TENANTS,
      flavor: env.FORGE_API_FLAVOR,
      agentLogs: env.FORGE_AGENT_LOGS,
      reconnectAttempts: env.FORGE_RECONNECT_ATTEMPTS,
      reconnectDelayMs: env.FORGE_RECONNECT_DELAY_MS,
    };
  }

  /**
   * Reads the settings from environment variables; unknown ones are ignored, and an empty one counts as not set, as
   * in a `.env` whose lines wait to be filled in.
   * @throws InvalidConfigurationError that names every invalid variable and what it must be
   */
  static fromEnvironment(env: Readonly<Record<string, string | undefined>>): Configuration {
    const given = Object.entries(env).filter(([, value]) => value !== '');
    const parsed = environmentSchema.safeParse(Object.fromEntries(given));
    if (parsed.success) return new Configuration(parsed.data);
    const reasons = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw new InvalidConfigurationError(`Invalid configuration:\n  ${reasons.join('\n  ')}`);
  }
}
