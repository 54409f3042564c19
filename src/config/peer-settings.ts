import { z } from 'zod';

export const PEER_SCHEMES = /^(wss?|https?)$/;

const MCP_LOG_LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;

const name = z.string().min(1).max(200);

/** Another MCP endpoint that we dial, or that dials us. */
export const peerSettings = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9_-]{1,40}$/, 'a peer name has 1 to 40 letters, digits, "_" or "-"'),
    url: z.url({ protocol: PEER_SCHEMES }).optional(),
    /** The peer dials `/mcp/peer/<name>` and serves its tools there. */
    accept: z.boolean().default(false),
    role: z.enum(['server', 'client', 'both']).default('client'),
    headers: z.record(z.string(), z.string()).default({}),
    /** Offered in the WebSocket handshake, e.g. `mcp`, for servers that require one. */
    subprotocol: z.string().optional(),
    compression: z.boolean().default(true),
    /** Names of its tools to forward; all by default. */
    include_tools: z.array(z.string()).default([]),
    exclude_tools: z.array(z.string()).default([]),
    /** Minimum severity of the log messages requested from it. */
    log_level: z.enum(MCP_LOG_LEVELS).default('info'),
    /** Its scopes when it calls our tools. */
    scopes: z.array(name).default(['mcp', 'operations:read', 'operations:write']),
    /** Its tenant when it calls our tools. */
    tenant: name.default('default'),
    /** Scope required to call its tools; by default a read or a write scope, depending on the tool's annotations. */
    scope: name.optional(),
    /** Tenants that can see its tools; all by default. */
    tenants: z.array(name).default([]),
  })
  .refine(({ url, accept }) => (url !== undefined) !== accept, {
    message: 'needs either "url", to be dialled, or "accept": true, to dial in',
  })
  .refine(({ accept, role }) => !accept || role === 'client', {
    message: 'with "accept" has the role "client": a program that wants to call tools connects to /mcp',
  });

export type McpPeerConfiguration = z.output<typeof peerSettings>;

/** A peer given only by name and address, whose tools we use and which may use ours. */
export function mutualPeer(name: string, url: string): McpPeerConfiguration {
  return peerSettings.parse({ name, url, role: 'both' });
}
