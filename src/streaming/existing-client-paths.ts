/**
 * Paths that existing programs connect to. They serve the same protocols as the canonical paths; new programs should
 * not use them.
 */
export const EXISTING_CLIENT_PATHS = {
  /** MCP Hub had a port of its own and accepted any path; its clients use the bare address. */
  hub: ['/'],
  /** FastAPI-MCP mounts MCP over WebSocket here. */
  mcp: ['/ws'],
  /** Browser clients of Shared Context Server connect here; the session id may be any string. */
  sessions: ['/ws/:session_id'],
} as const;
