import type { Json } from '../../harness/mcp-client.js';

/** Where the conversation is held. */
export type Place = 'http' | 'http-modern' | 'websocket';

/** An answer that is not the official server's, on purpose. */
interface Difference {
  readonly steps: readonly string[];
  /** Everywhere, unless places are named. */
  readonly places?: readonly Place[];
  /** What ours says. */
  readonly ours: Json;
  readonly reason: string;
}

const IN_SESSIONS = ['http', 'websocket'] as const;

export const DIFFERENCES: readonly Difference[] = [
  {
    steps: ['initialize'],
    places: IN_SESSIONS,
    ours: { result: { capabilities: { resources: { subscribe: 'boolean' }, tasks: {} } } },
    reason: 'We have subscriptions and tasks; the reference was not asked to.',
  },
  {
    steps: ['discover'],
    places: ['http-modern'],
    ours: {
      result: {
        capabilities: {
          extensions: { 'io.modelcontextprotocol/tasks': {} },
          resources: { subscribe: 'boolean' },
        },
      },
    },
    reason: 'As for initialize.',
  },
  {
    steps: ['list tools'],
    places: IN_SESSIONS,
    ours: { result: { tools: { echo: { execution: { taskSupport: 'string' } } } } },
    reason: 'Every call can be a task of 2025-11-25.',
  },
  {
    steps: ['list tools, bad cursor'],
    ours: { code: -32602 },
    reason:
      'The specification wants -32602 for cursors nobody gave out; the reference never pages and reads none.',
  },
  {
    steps: ['list tools, cursor of a wrong type', 'complete without argument'],
    ours: { code: -32602 },
    reason: 'Wrong params are -32602 in JSON-RPC; the reference lets its schema check end as -32603.',
  },
  {
    steps: ['read without uri', 'set level, unknown'],
    places: IN_SESSIONS,
    ours: { code: -32602 },
    reason: 'As above.',
  },
  {
    steps: ['get prompt'],
    ours: { result: { description: 'string' } },
    reason: "A prompt's description, optional in the result, is repeated there.",
  },
  {
    steps: ['read, unknown'],
    places: IN_SESSIONS,
    ours: { code: -32002 },
    reason: 'The revisions with sessions name -32002 for it; the reference says what 2026-07-28 does.',
  },
  {
    steps: ['complete, unknown argument'],
    ours: { result: { completion: { total: 'number', values: [] } } },
    reason: 'The total is known: none.',
  },
  {
    steps: ["the other era's discover"],
    places: ['http'],
    ours: { status: 400, code: -32020 },
    reason: 'A method that only 2026-07-28 has makes a request one of that era, which wants its headers.',
  },
  {
    steps: ["the other era's discover"],
    places: ['websocket'],
    ours: { code: -32602 },
    reason: 'As above; without headers it is the envelope that is missing.',
  },
  {
    steps: ['no version', 'no method', 'params that are no object'],
    places: IN_SESSIONS,
    ours: { code: -32600 },
    reason:
      'JSON that is no request is -32600 in JSON-RPC, with its id; the reference says -32700, over WebSocket nothing.',
  },
  {
    steps: ['no message', 'an id that is none', 'an empty batch'],
    places: IN_SESSIONS,
    ours: { id: null, code: -32600 },
    reason: 'As above.',
  },
  {
    steps: ['no JSON'],
    places: ['websocket'],
    ours: { id: null, code: -32700 },
    reason: 'Malformed messages are answered (S3-16).',
  },
];

export function differencesAt(place: Place): Map<string, Json> {
  const here = DIFFERENCES.filter(({ places }) => places === undefined || places.includes(place));
  return new Map(here.flatMap(({ steps, ours }) => steps.map((step) => [step, ours] as const)));
}
