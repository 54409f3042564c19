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
  invalid_request: entry(400, 'BAD_REQUEST', 'The request is not valid'),
  invalid_json: entry(400, 'BAD_REQUEST', 'The body is not valid JSON'),
  invalid_event: entry(400, 'BAD_REQUEST', 'The event is not valid'),
  invalid_operation_id: entry(400, 'BAD_REQUEST', 'The operation id is not valid'),
  invalid_cursor: entry(400, 'BAD_REQUEST', 'The cursor is not one this service gave out'),
  invalid_input: entry(400, 'BAD_REQUEST', 'A required text is empty'),
  invalid_visibility: entry(400, 'BAD_REQUEST', 'The visibility is not valid'),
  invalid_metadata_format: entry(400, 'BAD_REQUEST', 'The metadata is not a JSON object'),
  invalid_key: entry(400, 'BAD_REQUEST', 'The memory key is not valid'),
  invalid_ttl_value: entry(400, 'BAD_REQUEST', 'The time to live is out of range'),
  invalid_ttl_format: entry(400, 'BAD_REQUEST', 'The time to live is not a number of seconds'),
  parent_not_found: entry(400, 'BAD_REQUEST', 'The parent message does not exist'),
  invalid_datetime: entry(400, 'BAD_REQUEST', 'The time is not ISO 8601'),
  invalid_guidance_type: entry(400, 'BAD_REQUEST', 'There is no such guidance'),
  unauthorized: entry(401, 'UNAUTHORIZED', 'Authentication is required'),
  auth_failed: entry(401, 'UNAUTHORIZED', 'The caller may not have tokens made'),
  invalid_token_format: entry(401, 'UNAUTHORIZED', 'The agent token has another form'),
  token_authentication_failed: entry(401, 'UNAUTHORIZED', 'The agent token is not valid'),
  token_refresh_failed: entry(401, 'UNAUTHORIZED', 'The agent token cannot be refreshed'),
  forbidden: entry(403, 'FORBIDDEN', 'The caller may not do this'),
  stale_producer: entry(403, 'FORBIDDEN', 'A newer instance of the producer has taken over'),
  not_found: entry(404, 'NOT_FOUND', 'There is nothing at this address'),
  stream_not_found: entry(404, 'NOT_FOUND', 'Stream not found'),
  session_not_found: entry(404, 'NOT_FOUND', 'The session does not exist'),
  memory_not_found: entry(404, 'NOT_FOUND', 'The memory key does not exist'),
  operation_not_found: entry(404, 'NOT_FOUND', 'There is no such operation'),
  forge_not_found: entry(404, 'NOT_FOUND', 'Forge does not know this'),
  method_not_allowed: entry(405, 'BAD_REQUEST', 'The method is not allowed here'),
  request_timeout: entry(408, 'BAD_REQUEST', 'The request took too long'),
  operation_exists: entry(409, 'CONFLICT', 'Another operation has this id'),
  operation_ended: entry(409, 'CONFLICT', 'The operation has ended'),
  session_exists: entry(409, 'CONFLICT', 'The session id is taken'),
  session_closed: entry(409, 'CONFLICT', 'The session is closed'),
  key_exists: entry(409, 'CONFLICT', 'The memory key exists'),
  version_conflict: entry(409, 'CONFLICT', 'The memory key has changed'),
  backup_running: entry(409, 'CONFLICT', 'A backup is being made'),
  operation_running: entry(409, 'CONFLICT', 'The operation is still running'),
  stream_exists: entry(409, 'CONFLICT', 'A different stream exists at this path'),
  stream_closed: entry(409, 'CONFLICT', 'The stream is closed'),
  content_type_mismatch: entry(409, 'CONFLICT', 'The stream has another content type'),
  sequence_conflict: entry(409, 'CONFLICT', 'Sequence conflict'),
  producer_gap: entry(409, 'CONFLICT', 'A request of the producer is missing'),
  stream_gone: entry(410, 'NOT_FOUND', 'The stream or this part of it is gone'),
  payload_too_large: entry(413, 'BAD_REQUEST', 'The payload is too large'),
  content_too_large: entry(413, 'BAD_REQUEST', 'The content is too long'),
  metadata_too_large: entry(413, 'BAD_REQUEST', 'The metadata is too large'),
  value_too_large: entry(413, 'BAD_REQUEST', 'The value is too large'),
  purpose_too_long: entry(413, 'BAD_REQUEST', 'The purpose is too long'),
  unsupported_media_type: entry(415, 'BAD_REQUEST', 'The media type is not supported'),
  forge_refused: entry(422, 'BAD_REQUEST', 'Forge refused the request'),
  too_many_operations: entry(429, 'TOO_MANY_REQUESTS', 'Too many operations are running'),
  too_many_sessions: entry(429, 'TOO_MANY_REQUESTS', 'Too many sessions'),
  too_many_memory_keys: entry(429, 'TOO_MANY_REQUESTS', 'Too many memory keys'),
  too_many_requests: entry(429, 'TOO_MANY_REQUESTS', 'Too many requests'),
  too_many_connections: entry(429, 'TOO_MANY_REQUESTS', 'Too many connections'),
  too_many_subscriptions: entry(429, 'TOO_MANY_REQUESTS', 'Too many subscriptions'),
  headers_too_large: entry(431, 'BAD_REQUEST', 'The headers are too large'),
  internal: entry(500, 'INTERNAL_SERVER_ERROR', 'The service failed'),
  forge_failed: entry(502, 'INTERNAL_SERVER_ERROR', 'Forge failed'),
  store_unavailable: entry(503, 'INTERNAL_SERVER_ERROR', 'The store cannot be reached'),
  overloaded: entry(503, 'INTERNAL_SERVER_ERROR', 'The service is overloaded'),
  shutting_down: entry(503, 'INTERNAL_SERVER_ERROR', 'The service is shutting down'),
  forge_unavailable: entry(503, 'INTERNAL_SERVER_ERROR', 'Forge cannot be reached'),
  forge_timeout: entry(504, 'INTERNAL_SERVER_ERROR', 'Forge did not answer in time'),
  quota_exceeded: entry(507, 'INTERNAL_SERVER_ERROR', 'The quota is used up'),
  storage_full: entry(507, 'INTERNAL_SERVER_ERROR', 'The storage is full'),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;
