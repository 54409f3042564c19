import { LIMITS } from '../session.js';
import type { ArgumentSchema, ArgumentsSchema } from './arguments.js';

/** The arguments of the session tools, by the names, bounds and defaults that clients of shared-context-server know. */

const optionalText = (description: string): ArgumentSchema => ({
  anyOf: [{ type: 'string' }, { type: 'null' }],
  default: null,
  description,
});

const limit = (fallback: number, maximum: number, description?: string): ArgumentSchema => ({
  default: fallback,
  ...(description !== undefined && { description }),
  maximum,
  minimum: 1,
  type: 'integer',
});

const metadata = (description: string, example: object): ArgumentSchema => ({
  additionalProperties: true,
  default: null,
  description,
  examples: [example, null],
  type: 'object',
});

const AUTH_TOKEN = optionalText('Token of the agent that acts; without one the caller itself does');
const SESSION_ID: ArgumentSchema = { description: 'Id of the session', type: 'string' };
const SCOPE = optionalText('Session the memory belongs to; null for global memory');

const schema = (
  properties: Readonly<Record<string, ArgumentSchema>>,
  required: readonly string[] = [],
): ArgumentsSchema => ({ properties, ...(required.length > 0 && { required }), type: 'object' });

export const SCHEMAS = {
  get_usage_guidance: schema({
    auth_token: AUTH_TOKEN,
    guidance_type: {
      default: 'operations',
      description: 'operations, coordination, security or troubleshooting',
      type: 'string',
    },
  }),
  get_performance_metrics: schema({ auth_token: AUTH_TOKEN }),
  authenticate_agent: schema(
    {
      agent_id: { description: 'Name of the agent', maxLength: 100, minLength: 1, type: 'string' },
      agent_type: {
        description: 'claude, gemini, admin, system, test or any other; it bounds the permissions',
        maxLength: 50,
        type: 'string',
      },
      requested_permissions: {
        default: ['read', 'write'],
        description: 'Of read, write, admin and debug',
        items: { type: 'string' },
        type: 'array',
      },
    },
    ['agent_id', 'agent_type'],
  ),
  refresh_token: schema(
    {
      current_token: {
        description: 'Token that is replaced, and ends',
        pattern: '^sct_[a-f0-9-]{36}$',
        type: 'string',
      },
    },
    ['current_token'],
  ),
  set_memory: schema(
    {
      key: { description: 'Key, without blanks', maxLength: LIMITS.memoryKey, minLength: 1, type: 'string' },
      value: { description: 'Any JSON' },
      session_id: SCOPE,
      expires_in: {
        anyOf: [{ type: 'integer' }, { type: 'string' }, { type: 'null' }],
        default: null,
        description: 'Seconds to live; 0 or null: no expiry',
      },
      metadata: metadata('What to know of the entry', { source: 'user_input' }),
      overwrite: { default: true, description: 'False: fail when the key exists', type: 'boolean' },
      auth_token: AUTH_TOKEN,
      if_version: {
        anyOf: [{ type: 'integer' }, { type: 'null' }],
        default: null,
        description: 'Fail unless the key has this version; 0: unless it is new',
        minimum: 0,
      },
    },
    ['key', 'value'],
  ),
  get_memory: schema(
    { key: { description: 'Key', type: 'string' }, session_id: SCOPE, auth_token: AUTH_TOKEN },
    ['key'],
  ),
  list_memory: schema({
    session_id: optionalText("A session's id, 'all', or null for global memory"),
    prefix: optionalText('What the keys begin with'),
    auth_token: AUTH_TOKEN,
    limit: limit(50, 200),
  }),
  search_context: schema(
    {
      session_id: SESSION_ID,
      query: { description: 'What to look for; misspelt words are found, too', type: 'string' },
      auth_token: AUTH_TOKEN,
      fuzzy_threshold: {
        default: 60,
        description: 'Least similarity (0-100)',
        maximum: 100,
        minimum: 0,
        type: 'number',
      },
      limit: limit(10, 100, 'Most results'),
      search_metadata: { default: true, description: 'Look into metadata, too', type: 'boolean' },
      search_scope: {
        default: 'all',
        description: 'all, public or private',
        enum: ['all', 'public', 'private'],
        type: 'string',
      },
    },
    ['session_id', 'query'],
  ),
  search_by_sender: schema(
    {
      session_id: SESSION_ID,
      sender: { description: 'Exact name of the sender', type: 'string' },
      limit: limit(20, 100),
      auth_token: AUTH_TOKEN,
    },
    ['session_id', 'sender'],
  ),
  search_by_timerange: schema(
    {
      session_id: SESSION_ID,
      start_time: { description: 'ISO 8601; without a zone it is UTC', type: 'string' },
      end_time: { description: 'ISO 8601; without a zone it is UTC', type: 'string' },
      limit: limit(50, 200),
      auth_token: AUTH_TOKEN,
    },
    ['session_id', 'start_time', 'end_time'],
  ),
  create_session: schema(
    {
      purpose: { description: 'What the session is for', type: 'string' },
      metadata: metadata('What to know of the session', { project: 'webapp' }),
      auth_token: AUTH_TOKEN,
    },
    ['purpose'],
  ),
  get_session: schema({ session_id: SESSION_ID, auth_token: AUTH_TOKEN }, ['session_id']),
  add_message: schema(
    {
      session_id: SESSION_ID,
      content: { description: 'Text of the message', type: 'string' },
      metadata: metadata('What to know of the message', { priority: 'high' }),
      parent_message_id: {
        default: null,
        description: 'Id of the message that this one replies to',
        examples: [565, null],
        type: ['integer', 'null'],
      },
      auth_token: AUTH_TOKEN,
      visibility: {
        default: 'public',
        description: 'public; private or agent_only (sender and admins); admin_only (admins)',
        type: 'string',
      },
      message_key: optionalText(
        'Makes it repeatable: the second message with this key is the first one again',
      ),
    },
    ['session_id', 'content'],
  ),
  get_messages: schema(
    {
      session_id: SESSION_ID,
      visibility_filter: optionalText('public, private, agent_only or admin_only'),
      auth_token: AUTH_TOKEN,
      limit: limit(50, 1000, 'Most messages'),
      offset: { default: 0, description: 'Messages to skip', minimum: 0, type: 'integer' },
      since: optionalText('Only messages from this time on: ISO 8601 or Unix seconds'),
    },
    ['session_id'],
  ),
} satisfies Record<string, ArgumentsSchema>;

export type SessionToolName = keyof typeof SCHEMAS;
