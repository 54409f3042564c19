/**
 * Every error Opstream answers with, by its stable code. The code is what clients branch on; each transport maps
 * the entry once: REST to problem+json, the hub and agents protocols to an error frame, MCP to a JSON-RPC error.
 */

/** The coarse error codes that REST bodies and the agents protocol show beside the stable `code`. */
export type ErrorCategory =
  | 'BAD_REQUEST'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'TOO_MANY_REQUESTS'
  | 'INTERNAL_SERVER_ERROR';

export interface CatalogueEntry {
  /** HTTP status code. */
  readonly status: number;
  readonly category: ErrorCategory;
  /** RFC 9457 `title`: the same for every occurrence. */
  readonly title: string;
}

const entry = (status: number, category: ErrorCategory, title: string): CatalogueEntry => ({
  status,
  category,
  title,
});

export const ERROR_CATALOGUE = {
  invalid_request: entry(400, 'BAD_REQUEST', 'Bad request'),
  invalid_json: entry(400, 'BAD_REQUEST', 'Invalid JSON'),
  invalid_event: entry(400, 'BAD_REQUEST', 'Invalid event'),
  invalid_operation_id: entry(400, 'BAD_REQUEST', 'Invalid operation id'),
  invalid_cursor: entry(400, 'BAD_REQUEST', 'Invalid cursor'),
  invalid_input: entry(400, 'BAD_REQUEST', 'Required text is empty'),
  invalid_visibility: entry(400, 'BAD_REQUEST', 'Invalid visibility'),
  invalid_metadata_format: entry(400, 'BAD_REQUEST', 'Metadata is not a JSON object'),
  invalid_key: entry(400, 'BAD_REQUEST', 'Invalid memory key'),
  invalid_ttl_value: entry(400, 'BAD_REQUEST', 'Time to live out of range'),
  invalid_ttl_format: entry(400, 'BAD_REQUEST', 'Time to live is not a number of seconds'),
  parent_not_found: entry(400, 'BAD_REQUEST', 'Parent message not found'),
  invalid_datetime: entry(400, 'BAD_REQUEST', 'Time is not ISO 8601'),
  invalid_guidance_type: entry(400, 'BAD_REQUEST', 'Unknown guidance type'),
  unauthorized: entry(401, 'UNAUTHORIZED', 'Unauthorized'),
  auth_failed: entry(401, 'UNAUTHORIZED', 'Not allowed to issue agent tokens'),
  invalid_token_format: entry(401, 'UNAUTHORIZED', 'Malformed agent token'),
  token_authentication_failed: entry(401, 'UNAUTHORIZED', 'Invalid agent token'),
  token_refresh_failed: entry(401, 'UNAUTHORIZED', 'Agent token cannot be refreshed'),
  forbidden: entry(403, 'FORBIDDEN', 'Forbidden'),
  stale_producer: entry(403, 'FORBIDDEN', 'Producer superseded by a newer instance'),
  not_found: entry(404, 'NOT_FOUND', 'Not found'),
  stream_not_found: entry(404, 'NOT_FOUND', 'Stream not found'),
  session_not_found: entry(404, 'NOT_FOUND', 'Session not found'),
  memory_not_found: entry(404, 'NOT_FOUND', 'Memory key not found'),
  operation_not_found: entry(404, 'NOT_FOUND', 'Operation not found'),
  input_not_found: entry(404, 'NOT_FOUND', 'Input not requested'),
  forge_not_found: entry(404, 'NOT_FOUND', 'Not found in Forge'),
  method_not_allowed: entry(405, 'BAD_REQUEST', 'Method not allowed'),
  request_timeout: entry(408, 'BAD_REQUEST', 'Request timeout'),
  operation_exists: entry(409, 'CONFLICT', 'Operation id already in use'),
  operation_ended: entry(409, 'CONFLICT', 'Operation has ended'),
  input_exists: entry(409, 'CONFLICT', 'Input already requested'),
  input_closed: entry(409, 'CONFLICT', 'Input already answered or closed'),
  session_exists: entry(409, 'CONFLICT', 'Session id already in use'),
  session_closed: entry(409, 'CONFLICT', 'Session is closed'),
  key_exists: entry(409, 'CONFLICT', 'Memory key already exists'),
  version_conflict: entry(409, 'CONFLICT', 'Memory key has changed'),
  backup_running: entry(409, 'CONFLICT', 'Backup already running'),
  operation_running: entry(409, 'CONFLICT', 'Operation is still running'),
  stream_exists: entry(409, 'CONFLICT', 'A different stream exists at this path'),
  stream_closed: entry(409, 'CONFLICT', 'Stream is closed'),
  content_type_mismatch: entry(409, 'CONFLICT', 'Content type does not match the stream'),
  sequence_conflict: entry(409, 'CONFLICT', 'Sequence conflict'),
  producer_gap: entry(409, 'CONFLICT', 'Producer sequence has a gap'),
  stream_gone: entry(410, 'NOT_FOUND', 'Stream data no longer available'),
  payload_too_large: entry(413, 'BAD_REQUEST', 'Payload too large'),
  content_too_large: entry(413, 'BAD_REQUEST', 'Content too large'),
  metadata_too_large: entry(413, 'BAD_REQUEST', 'Metadata too large'),
  value_too_large: entry(413, 'BAD_REQUEST', 'Value too large'),
  purpose_too_long: entry(413, 'BAD_REQUEST', 'Purpose too long'),
  unsupported_media_type: entry(415, 'BAD_REQUEST', 'Unsupported media type'),
  input_rejected: entry(422, 'BAD_REQUEST', 'Answer does not match the schema'),
  forge_refused: entry(422, 'BAD_REQUEST', 'Forge rejected the request'),
  too_many_operations: entry(429, 'TOO_MANY_REQUESTS', 'Too many running operations'),
  too_many_inputs: entry(429, 'TOO_MANY_REQUESTS', 'Too many open input requests'),
  too_many_sessions: entry(429, 'TOO_MANY_REQUESTS', 'Too many sessions'),
  too_many_memory_keys: entry(429, 'TOO_MANY_REQUESTS', 'Too many memory keys'),
  too_many_requests: entry(429, 'TOO_MANY_REQUESTS', 'Too many requests'),
  too_many_connections: entry(429, 'TOO_MANY_REQUESTS', 'Too many connections'),
  too_many_subscriptions: entry(429, 'TOO_MANY_REQUESTS', 'Too many subscriptions'),
  headers_too_large: entry(431, 'BAD_REQUEST', 'Request headers too large'),
  internal: entry(500, 'INTERNAL_SERVER_ERROR', 'Internal server error'),
  forge_failed: entry(502, 'INTERNAL_SERVER_ERROR', 'Forge failed'),
  store_unavailable: entry(503, 'INTERNAL_SERVER_ERROR', 'Store unavailable'),
  overloaded: entry(503, 'INTERNAL_SERVER_ERROR', 'Service overloaded'),
  shutting_down: entry(503, 'INTERNAL_SERVER_ERROR', 'Service is shutting down'),
  forge_unavailable: entry(503, 'INTERNAL_SERVER_ERROR', 'Forge unavailable'),
  forge_timeout: entry(504, 'INTERNAL_SERVER_ERROR', 'Forge timed out'),
  quota_exceeded: entry(507, 'INTERNAL_SERVER_ERROR', 'Quota exceeded'),
  storage_full: entry(507, 'INTERNAL_SERVER_ERROR', 'Storage is full'),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;
