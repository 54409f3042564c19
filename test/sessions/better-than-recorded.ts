import type { Json } from '../harness/mcp-client.js';
import type { Difference } from './recorded-answer.js';

/** Where Opstream answers something else than shared-context-server on purpose, and why. */
export interface Better {
  readonly why: string;
  /** The code of the failure that it is instead. */
  readonly code?: string;
  /** The arguments do not fit, and the call is refused. */
  readonly isError?: true;
  /** Members in place of the recorded ones. */
  readonly answer?: Json;
  /** Instead of the recorded answer, in part. */
  readonly instead?: Json;
}

const CALLERS_FAULT = 'a fault of the caller is no fault of the database';
const HIDDEN = 'a filter never shows more than the agent may see';
const ADMIN = 'admins see everything, in every tool';
const TEXT = 'a text comes back as the text it was';
const LITERAL = 'a prefix is what keys begin with, and no pattern';
const LIMITED = 'the limit of 1000 characters is written down and holds';
const SCOPES = 'whether a caller may have tokens made is said by its scopes, not by an API key';

const byCall: readonly [topic: string, note: string, better: Better, argument?: string][] = [
  ['authenticate_agent', 'id of blanks', { why: CALLERS_FAULT, code: 'INVALID_INPUT' }],
  ['authenticate_agent', 'without API key', { why: SCOPES, code: 'AUTH_FAILED' }],
  ['authenticate_agent', 'wrong API key', { why: SCOPES, code: 'AUTH_FAILED' }],
  ['refresh_token', 'without API key', { why: SCOPES, code: 'AUTH_FAILED' }],
  ['create_session', 'purpose of 1001 characters', { why: LIMITED, code: 'PURPOSE_TOO_LONG' }],
  ['create_session', 'purpose of 100000 characters', { why: LIMITED, code: 'PURPOSE_TOO_LONG' }],
  ['create_session', 'metadata: large', { why: CALLERS_FAULT, code: 'METADATA_TOO_LARGE' }],
  ['create_session', 'metadata: list', { why: CALLERS_FAULT, code: 'INVALID_METADATA_FORMAT' }],
  ['create_session', 'metadata: number', { why: CALLERS_FAULT, code: 'INVALID_METADATA_FORMAT' }],
  ['add_message', 'content of 100001 characters', { why: CALLERS_FAULT, code: 'CONTENT_TOO_LARGE' }],
  ['add_message', 'content of 300000 characters', { why: CALLERS_FAULT, code: 'CONTENT_TOO_LARGE' }],
  ['add_message', 'metadata list', { why: CALLERS_FAULT, code: 'INVALID_METADATA_FORMAT' }],
  ['add_message', 'parent unknown', { why: CALLERS_FAULT, code: 'PARENT_NOT_FOUND' }],
  ['add_message', 'parent nonsense', { why: 'what is no number does not fit the schema', isError: true }],
  [
    'get_session',
    'as root',
    {
      why: ADMIN,
      answer: { messages: [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map(row), message_count: 13 },
    },
  ],
  ['memory', 'global, value: empty text', { why: 'an empty text is a value', instead: { success: true } }],
  ['memory', 'read it', { why: TEXT, answer: { value: '{"x": 1}' } }, 'k_text_that_is_JSON'],
  ['memory', 'read it', { why: TEXT, answer: { value: '42' } }, 'k_text_of_digits'],
  ['memory', 'prefix with a wildcard', { why: LITERAL, answer: { entries: [], count: 0 } }],
  ['memory', 'prefix with underscore', { why: LITERAL, answer: { entries: [], count: 0 } }],
  [
    'get_messages',
    "visibility_filter 'admin_only' as alice",
    { why: HIDDEN, answer: { messages: [], count: 0, total_count: 0 } },
  ],
  ['get_messages', "visibility_filter 'nope' as alice", { why: HIDDEN, code: 'INVALID_VISIBILITY' }],
  [
    'get_messages',
    "visibility_filter 'private' as admin",
    { why: ADMIN, answer: { messages: [15, 18].map(row), count: 2, total_count: 2 } },
  ],
  [
    'get_messages',
    "visibility_filter 'agent_only' as admin",
    { why: ADMIN, answer: { messages: [16, 19].map(row), count: 2, total_count: 2 } },
  ],
  [
    'get_messages',
    '{"limit": null}',
    {
      why: 'null says the same as leaving an argument out, for every tool',
      instead: { success: true, count: 5 },
    },
  ],
  [
    'search_by_sender',
    'secrets of bob, as admin',
    { why: ADMIN, answer: { messages: [12, 11].map(row), count: 2 } },
  ],
  [
    'guidance-and-metrics',
    'metrics as admin',
    {
      why: 'the figures are those of this service',
      instead: {
        success: true,
        requesting_agent: 'root',
        database_performance: { health_status: 'healthy' },
      },
    },
  ],
];

/** What is better about a call. */
export function betterThan(topic: string, note: string, args: Json): Better | undefined {
  const found = byCall.find(
    ([ofTopic, ofNote, , argument]) =>
      ofTopic === topic && ofNote === note && (argument === undefined || args.key === argument),
  );
  return found?.[2];
}

/** Members that differ in every answer that has them. */
const byMember: readonly {
  readonly at: RegExp;
  readonly why: string;
  readonly is: (d: Difference) => boolean;
}[] = [
  {
    at: /^\.agent_info\.(expires_at|can_refresh)$/,
    why: 'they tell the truth about the token',
    is: ({ answer }) => answer === true || typeof answer === 'string',
  },
  {
    at: /^\.context\.(recovery_token|current_token_prefix)$/,
    why: 'a token is repeated nowhere',
    is: ({ answer }) => answer === undefined,
  },
  {
    at: /^\.context\.authentication_error$/,
    why: 'why a token is not good is told to nobody',
    is: ({ answer }) => answer === 'Protected token invalid or expired',
  },
  {
    at: /^\.context\.current_permissions/,
    why: 'it names what the agent has, also where `admin` is wanted',
    is: ({ recorded, answer }) =>
      Array.isArray(recorded) && recorded.length === 0 && String(answer) === 'read,write',
  },
  { at: /^\.cache_hit$/, why: 'there is no cache', is: ({ answer }) => answer === false },
  {
    at: /^\.performance_note$/,
    why: 'another index, another note',
    is: ({ answer }) => typeof answer === 'string',
  },
  {
    at: /^\.error$/,
    why: 'the reason is in words of JavaScript rather than Python',
    is: ({ recorded, answer }) => {
      const kind = /^Invalid (metadata|expires_in) format: ./.exec(String(recorded))?.[0].slice(0, -1);
      return kind !== undefined && String(answer).startsWith(kind);
    },
  },
  {
    at: /^\.(session\.metadata|session\.metadata\.\w+)$/,
    why: 'the metadata tells who is connected',
    is: ({ answer }) => /participant_count|^\d$|^\d{4}-/.test(String(answer)),
  },
  {
    at: /\.(retrieved_by|requesting_agent)$/,
    why: 'a resource is read by the caller, not by an agent of the service',
    is: ({ recorded, answer }) => recorded === 'current_agent' && answer === 'reader',
  },
  {
    at: /\.messages_filtered_by_visibility$/,
    why: 'how many hidden messages there are is hidden',
    is: ({ answer }) => answer === 0,
  },
  {
    at: /^\.session\.updated_at$/,
    why: 'it is the time of the newest public message',
    is: ({ answer }) => typeof answer === 'number',
  },
];

/** How many calls there are about which something is better. */
export const BETTER_CALLS = byCall.length;

/** The order of a list of memory, and the time of an overwritten key, were wrong in the original. */
const OVERWRITTEN = /^\.entries\[1[123]\]/;

export function isBetter(difference: Difference): boolean {
  return (
    OVERWRITTEN.test(difference.at) || byMember.some(({ at, is }) => at.test(difference.at) && is(difference))
  );
}

function row(id: number): string {
  return `<row ${id}>`;
}
