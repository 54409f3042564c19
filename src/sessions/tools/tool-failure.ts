import type { ErrorCode } from '../../platform/errors/error-catalogue.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { JsonObject, JsonValue } from '../../platform/json.js';
import { isoOf } from '../session-json.js';

interface FailureKind {
  /** Where it is not the catalogue's in capitals. */
  readonly code?: string;
  readonly severity?: 'warning' | 'error';
  /** Whether the caller can do something about it; true where nothing is said. */
  readonly recoverable?: boolean;
  readonly suggestions?: readonly string[];
  readonly related?: readonly string[];
  /** Seconds after which trying again helps. */
  readonly retryAfter?: number;
}

const warning = (...suggestions: string[]): FailureKind => ({ severity: 'warning', suggestions });
const UNAVAILABLE: FailureKind = {
  code: 'DATABASE_UNAVAILABLE',
  suggestions: ['Try again in a few seconds', 'Nothing of this call was stored'],
  retryAfter: 5,
  related: ['get_performance_metrics'],
};
const TOKEN: FailureKind = {
  suggestions: ['Have a new token made with authenticate_agent', 'Leave auth_token out to act as the caller'],
  related: ['authenticate_agent'],
};

/** How each failure is told to agents; what is not here is told by its code and text alone. */
const KINDS: Partial<Record<ErrorCode, FailureKind>> = {
  forbidden: {
    code: 'PERMISSION_DENIED',
    recoverable: false,
    suggestions: ['Ask for the permission with authenticate_agent', 'Use a token that has it'],
    related: ['authenticate_agent'],
  },
  session_not_found: {
    suggestions: ['Check the session id', 'Create a session with create_session'],
    related: ['create_session'],
  },
  session_closed: { suggestions: ['Create a new session with create_session'], related: ['create_session'] },
  memory_not_found: {
    suggestions: ['Check key and session_id', 'List what there is with list_memory'],
    related: ['set_memory', 'list_memory'],
  },
  parent_not_found: { severity: 'warning', suggestions: ['Use the id of a message you can read'] },
  key_exists: {
    severity: 'warning',
    suggestions: ['Use overwrite=true', 'Use another key'],
    related: ['list_memory'],
  },
  version_conflict: warning('Read the key again with get_memory and repeat the change'),
  invalid_input: warning('Give a text that is not empty', 'Blanks and control characters are removed'),
  invalid_visibility: warning('Use one of the allowed values'),
  invalid_metadata_format: warning('Give a JSON object, its text, or null'),
  invalid_key: warning('Use letters, digits, "_", "-", "." or "/"'),
  content_too_large: warning('Split it into several messages'),
  metadata_too_large: warning('Keep large data in memory or in messages, and name it in the metadata'),
  value_too_large: warning('Split the value over several keys'),
  purpose_too_long: warning('Say it shorter, and put the rest into a message'),
  invalid_guidance_type: warning('Use one of the allowed values'),
  too_many_memory_keys: warning('Let keys expire with expires_in', 'Keep several values under one key'),
  invalid_token_format: TOKEN,
  token_authentication_failed: TOKEN,
  token_refresh_failed: TOKEN,
  auth_failed: TOKEN,
  store_unavailable: UNAVAILABLE,
  overloaded: UNAVAILABLE,
  shutting_down: UNAVAILABLE,
  storage_full: { code: 'DATABASE_UNAVAILABLE', recoverable: false, suggestions: ['Tell the operator'] },
};

/**
 * A failure as the tools answer it: a result that says so, since agents read results. Undefined for a fault of ours.
 */
export function toolFailure(thrown: unknown): JsonObject | undefined {
  if (!(thrown instanceof OpstreamError) || thrown.code === 'internal') return undefined;
  const {
    severity = 'error',
    recoverable = true,
    suggestions,
    related,
    retryAfter,
    code,
  } = KINDS[thrown.code] ?? {};
  return {
    success: false,
    error: thrown.message,
    code: code ?? thrown.code.toUpperCase(),
    severity,
    recoverable,
    timestamp: isoOf(Date.now() / 1000),
    ...(suggestions && { suggestions }),
    ...(Object.keys(thrown.extra).length > 0 && { context: thrown.extra as Record<string, JsonValue> }),
    ...(retryAfter !== undefined && { retry_after: retryAfter }),
    ...(related && { related_resources: related }),
  };
}
