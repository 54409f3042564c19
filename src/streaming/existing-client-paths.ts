/**
 * Paths that programs written for the documents' own servers connect to. They lead to the same protocols as the
 * paths of today; new programs have no reason to use them.
 */
export const EXISTING_CLIENT_PATHS = {
  /** Document 001's hub had a port to itself and took any path; its clients use the bare address. */
  hub: ['/'],
  /** Document 003 mounts MCP over WebSocket here. */
  mcp: ['/ws'],
  /** Document 002's browser clients connect here; the session id may be any string. */
  sessions: ['/ws/:session_id'],
} as const;
