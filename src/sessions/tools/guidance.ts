import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { JsonObject } from '../../platform/json.js';
import type { Actor } from '../actor.js';

export const GUIDANCE_TYPES = ['operations', 'coordination', 'security', 'troubleshooting'] as const;
type GuidanceType = (typeof GUIDANCE_TYPES)[number];
type Level = 'READ_ONLY' | 'AGENT' | 'ADMIN';

interface Guidance {
  readonly guidance: JsonObject;
  readonly workflow: readonly string[];
}

/** @throws OpstreamError `invalid_guidance_type` */
export function guidanceFor(actor: Actor, type: string): { level: Level } & Guidance {
  const known = GUIDANCE_TYPES.find((each) => each === type);
  if (known === undefined) {
    throw new OpstreamError('invalid_guidance_type', `Invalid guidance_type: ${type.slice(0, 100)}`, {
      provided_guidance_type: type.slice(0, 100),
      allowed_values: GUIDANCE_TYPES,
    });
  }
  const level = levelOf(actor);
  return { level, ...GUIDANCE[known](level) };
}

function levelOf({ permissions }: Actor): Level {
  if (permissions.has('admin')) return 'ADMIN';
  return permissions.has('write') ? 'AGENT' : 'READ_ONLY';
}

const READING = [
  'get_session: the session and its newest messages',
  'get_messages: messages in order, page by page',
  'search_context: messages that nearly say something',
  'search_by_sender: the newest messages of one sender',
  'search_by_timerange: messages between two times',
  'get_memory and list_memory: what you keep',
  'get_usage_guidance: this text',
];
const WRITING = [
  'create_session: a new session',
  'add_message: a message to a session',
  'set_memory: a value under a key, in a session or globally',
  'authenticate_agent and refresh_token: tokens for agents',
];
const ADMINISTERING = [
  'get_performance_metrics: figures of the service',
  'add_message with visibility admin_only',
];

const GUIDANCE: Readonly<Record<GuidanceType, (level: Level) => Guidance>> = {
  operations: (level) => ({
    guidance: {
      available_operations: [
        ...READING,
        ...(level === 'READ_ONLY' ? [] : WRITING),
        ...(level === 'ADMIN' ? ADMINISTERING : []),
      ],
      permission_boundaries: [
        'You see public messages, and private and agent_only ones of your own',
        level === 'ADMIN' ? 'As an admin you see every message' : 'admin_only messages are for admins',
        level === 'READ_ONLY' ? 'Adding messages and memory needs the permission write' : 'You may write',
        'Memory is seen by the agent that set it alone',
      ],
      next_steps: [
        'Read the session with get_session',
        'Follow it over its WebSocket',
        'Search before you ask again',
      ],
    },
    workflow:
      level === 'READ_ONLY'
        ? ['get_session', 'get_messages', 'search_context', 'get_memory']
        : [
            'authenticate_agent',
            'create_session',
            'add_message',
            'search_context',
            'set_memory',
            'get_messages',
          ],
  }),
  coordination: (level) => ({
    guidance: {
      coordination_instructions: [
        'Say in the session what you begin and what you have finished',
        'Reply with parent_message_id, so that threads can be followed',
        'Put what machines read into metadata',
      ],
      handoff_patterns: [
        'Add a public message with what is done, what is open and where it is',
        'Keep state in session memory under a key that the message names',
        'Use message_key where you may repeat yourself after a failure',
      ],
      escalation_triggers: [
        'Two agents work on the same thing',
        'A decision needs a person',
        level === 'ADMIN' ? 'An agent has not been heard of for long' : 'You lack a permission',
      ],
    },
    workflow: ['get_session', 'search_context', 'add_message', 'set_memory'],
  }),
  security: (level) => ({
    guidance: {
      security_boundaries: [
        'A session belongs to one tenant; no other sees it',
        'private and agent_only messages are for their sender and for admins',
        'Nobody is told of a message that he may not see, nor how many there are',
        level === 'ADMIN'
          ? 'Your token sees everything of the tenant: keep it to yourself'
          : 'Ask for no more than you need',
      ],
      token_management: [
        'A token is good for an hour',
        'refresh_token replaces it, and the old one ends',
        'Tokens are never written down by this service',
      ],
      best_practices: [
        'Keep secrets out of messages and metadata',
        'Use private for notes of your own',
        'Leave auth_token out when the connection is yours alone',
      ],
    },
    workflow: ['authenticate_agent', 'add_message', 'refresh_token'],
  }),
  troubleshooting: (level) => ({
    guidance: {
      common_issues: {
        'Authentication Errors': ['The token has ended: use refresh_token', 'The token is another tenant’s'],
        'Session Not Found': ['Check the id', 'It may have been removed: create a new one'],
        'Permission Denied': [
          'See current_permissions in the answer',
          'Ask for more with authenticate_agent',
        ],
        ...(level === 'ADMIN' && {
          'Performance Issues': ['Look at get_performance_metrics', 'Look at /metrics'],
          'Agent Coordination Problems': [
            'Search for the agents’ last messages',
            'Look at the session’s metadata',
          ],
        }),
      },
      recovery_procedures: [
        'recoverable says whether you can do something about a failure, suggestions what',
        'Where retry_after stands, wait so many seconds and repeat the call',
        'Repeat add_message with the same message_key: it is added once',
      ],
      debugging_steps: ['Read the code of the failure', 'Read its context', 'Use the prompt debug-session'],
    },
    workflow: ['get_session', 'get_messages', 'get_usage_guidance'],
  }),
};
