import { join } from 'node:path';
import { environmentSchema, type Environment } from './environment.js';
import type { OpenApiSource } from './openapi-sources.js';
import type { WebhookTarget } from './webhook-settings.js';
import { mutualPeer, type McpPeerConfiguration } from './peer-settings.js';

/** Invalid settings; the message lists all of them. */
export class InvalidConfigurationError extends Error {
  override readonly name = 'InvalidConfigurationError';
}

/**
 * The validated settings of one service, grouped by consumer. Also the injection token: providers ask for
 * `Configuration`. Durations are milliseconds where the name ends in `Ms`, seconds otherwise.
 */
export class Configuration {
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Additional ports with the same service, for programs written for another project's port. */
    readonly extraPorts: readonly number[];
    readonly allowedOrigins: readonly string[];
    readonly allowedHosts: readonly string[];
    /** The service runs behind one trusted proxy: client addresses come from `X-Forwarded-For`. */
    readonly trustProxy: boolean;
  };
  readonly logLevel: Environment['LOG_LEVEL'];
  readonly webhooks: {
    readonly targets: readonly WebhookTarget[];
    /** Hosts that may have addresses outside the public Internet. */
    readonly allowedHosts: readonly string[];
    /** Seconds from one attempt to the next; empty: the default. */
    readonly retrySeconds: readonly number[];
  };
  readonly dashboard: {
    /** `off`, or a path; undefined: the service's default, off in a host application. */
    readonly path: string | undefined;
  };
  readonly demo: boolean;
  /** Operation types that get their own label in metrics. */
  readonly measuredTypes: readonly string[];
  readonly store: {
    readonly kind: Environment['STORE'];
    readonly dataDir: string;
    readonly durability: Environment['DURABILITY'];
    /** Where administrators can have backups written; they name files in it, never paths. */
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
    /** The claim that grants the admin role, in addition to scopes. Undefined: no claim does. */
    readonly roleClaim: string | undefined;
    /** Undefined: anonymous only on loopback addresses. */
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
    /** Of the hub, and as many of MCP. */
    readonly maxSocketsPerUser: number;
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
    /** Whether the HTTP with SSE transport of 2024-11-05 is served, too. */
    readonly legacySse: boolean;
    readonly streamContent: boolean;
    readonly openapi: readonly OpenApiSource[];
    /** Offered toolsets; empty means all. */
    readonly toolsets: readonly string[];
  };
  readonly streams: {
    /** Base path of streams; undefined turns the protocol off. */
    readonly path: string | undefined;
    readonly limits: {
      readonly maxStreamBytes: number;
      readonly maxTenantBytes: number;
      /** Where messages are forwarded, in addition to this process; undefined: nowhere. */
      readonly maxTotalBytes: number;
      readonly maxStreamsPerTenant: number;
    };
  };
  readonly sessions: {
    /** Shared by both ends of the bridge; undefined: only loopback addresses may broadcast. */
    readonly bridgeUrl: string | undefined;
    /** `open`: everyone sees every message of a session. */
    readonly bridgeSecret: string | undefined;
    /** Seconds a message is kept; 0: no limit. */
    readonly visibility: Environment['SESSION_VISIBILITY'];
    readonly maxSessions: number;
    readonly maxMessages: number;
    /** Undefined turns the module off. */
    readonly messageMaxAge: number;
  };
  readonly forge: {
    /** Tenants that may use Forge, which has no tenants itself; `*` for all. */
    readonly url: string | undefined;
    readonly token: string | undefined;
    /** Consecutive connection failures before a stream is given up. */
    readonly tenants: readonly string[];
    readonly flavor: Environment['FORGE_API_FLAVOR'];
    readonly agentLogs: Environment['FORGE_AGENT_LOGS'];
    /** First delay; each further one is twice as long. */
    readonly reconnectAttempts: number;
    /** A key set signs tokens for many services, so tokens must name this one. */
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
    this.webhooks = {
      targets: env.WEBHOOKS,
      allowedHosts: env.WEBHOOK_ALLOWED_HOSTS,
      retrySeconds: env.WEBHOOK_RETRY_SECONDS,
    };
    this.dashboard = { path: env.DASHBOARD_PATH };
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
      // Reads the settings from environment variables. Unknown variables are ignored. An empty one counts as unset, as
      // in a `.env` template that has not been filled in.
      // @throws InvalidConfigurationError naming every invalid variable and what it must be
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
      maxSocketsPerUser: env.MAX_SOCKETS_PER_USER,
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
