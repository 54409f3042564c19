import { isObject, type Params } from './json-rpc.js';
import type { Revision } from './versions.js';

/**
 * The members of everything sent to a session, by the revision that introduced them. Clients with strict parsers know
 * only their own revision's members, so newer or unlisted ones are omitted.
 */

/** Converts a value for a session of a revision; undefined: it is omitted. */
type Fit = (value: unknown, revision: string) => unknown;
type Member = Revision | readonly [since: Revision, fit: Fit];

/** From this revision on nothing is omitted: every table below ends with it. */
const COMPLETE_SINCE: Revision = '2025-11-25';

function members(table: Readonly<Record<string, Member>>): Fit {
  return (value, revision) => {
    if (!isObject(value)) return value;
    const fitting: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(value)) {
      const rule = Object.hasOwn(table, name) ? table[name]! : undefined;
      if (rule === undefined || since(rule) > revision) continue;
      fitting[name] = typeof rule === 'string' ? member : rule[1](member, revision);
    }
    return fitting;
  };
}

function since(rule: Member): Revision {
  return typeof rule === 'string' ? rule : rule[0];
}

function each(fit: Fit): Fit {
  return (values, revision) =>
    Array.isArray(values) ? values.map((value) => fit(value, revision)) : fit(values, revision);
}

const FIRST = '2024-11-05';
const annotations: Member = [
  FIRST,
  members({ audience: FIRST, priority: FIRST, lastModified: '2025-06-18' }),
];
const named = { name: FIRST, title: '2025-06-18', icons: '2025-11-25' } as const;
const described = { ...named, description: FIRST, _meta: '2025-06-18' } as const;
const contents = members({
  uri: FIRST,
  mimeType: FIRST,
  text: FIRST,
  blob: FIRST,
  _meta: '2025-06-18',
});
const resource = { ...described, uri: FIRST, mimeType: FIRST, size: FIRST, annotations } as const;

const BLOCKS: Readonly<Record<string, { readonly since: Revision; readonly fit: Fit }>> = {
  text: block(FIRST, { text: FIRST }),
  image: block(FIRST, { data: FIRST, mimeType: FIRST }),
  resource: block(FIRST, { resource: [FIRST, contents] }),
  audio: block('2025-03-26', { data: FIRST, mimeType: FIRST }),
  resource_link: block('2025-06-18', resource),
  // Of sampling only.
  tool_use: block('2025-11-25', { id: FIRST, name: FIRST, input: FIRST }),
  tool_result: block('2025-11-25', {
    toolUseId: FIRST,
    content: FIRST,
    structuredContent: FIRST,
    isError: FIRST,
  }),
};

function block(revision: Revision, table: Readonly<Record<string, Member>>): { since: Revision; fit: Fit } {
  return { since: revision, fit: members({ annotations, _meta: '2025-06-18', ...table, type: FIRST }) };
}

/** A block of a kind the revision lacks is converted to a kind it has, so that nothing is lost. */
const content: Fit = (value, revision) => {
  if (!isObject(value)) return value;
  const kind = typeof value.type === 'string' ? BLOCKS[value.type] : undefined;
  if (kind && kind.since <= revision) return kind.fit(value, revision);
  if (value.type === 'audio') {
    const { data: blob, mimeType } = value;
    return { type: 'resource', resource: { uri: 'attachment:audio', mimeType, blob } };
  }
  if (value.type === 'resource_link') {
    const { uri, title, name, description } = value;
    const text = [title ?? name, description, uri].filter((part) => typeof part === 'string').join('\n');
    return { type: 'text', text };
  }
  return { type: 'text', text: JSON.stringify(value) };
};

/** Models get text and images, and later audio; anything else is described. */
const sampled: Fit = (value, revision) => {
  if (!isObject(value) || typeof value.type !== 'string') return value;
  const kind = SAMPLED.has(value.type) ? BLOCKS[value.type] : undefined;
  if (kind && kind.since <= revision) return kind.fit(value, revision);
  const { type, mimeType } = value;
  return { type: 'text', text: typeof mimeType === 'string' ? `[${type}: ${mimeType}]` : `[${type}]` };
};
const SAMPLED: ReadonlySet<string> = new Set(['text', 'image', 'audio', 'tool_use', 'tool_result']);

const tool = members({
  ...described,
  inputSchema: FIRST,
  annotations: [
    '2025-03-26',
    members({
      title: '2025-03-26',
      readOnlyHint: '2025-03-26',
      destructiveHint: '2025-03-26',
      idempotentHint: '2025-03-26',
      openWorldHint: '2025-03-26',
      // Part of no revision; fast-mcp's clients read it.
      streamingHint: '2025-03-26',
    }),
  ],
  outputSchema: '2025-06-18',
  execution: '2025-11-25',
});
const prompt = members({
  ...described,
  arguments: [
    FIRST,
    each(members({ name: FIRST, title: '2025-06-18', description: FIRST, required: FIRST })),
  ],
});
const listChanged = members({ listChanged: FIRST });
const message = members({ role: FIRST, content: [FIRST, each(content)] });
const page = { nextCursor: FIRST, _meta: FIRST } as const;

/** Results by method; results of unlisted methods have never changed. */
const RESULTS: Readonly<Record<string, Fit>> = {
  initialize: members({
    protocolVersion: FIRST,
    capabilities: [
      FIRST,
      members({
        experimental: FIRST,
        logging: FIRST,
        prompts: [FIRST, listChanged],
        resources: [FIRST, members({ subscribe: FIRST, listChanged: FIRST })],
        tools: [FIRST, listChanged],
        completions: '2025-03-26',
        tasks: '2025-11-25',
      }),
    ],
    serverInfo: [
      FIRST,
      members({ ...named, version: FIRST, description: '2025-11-25', websiteUrl: '2025-11-25' }),
    ],
    instructions: FIRST,
    _meta: FIRST,
  }),
  'tools/list': members({ ...page, tools: [FIRST, each(tool)] }),
  'tools/call': members({
    content: [FIRST, each(content)],
    isError: FIRST,
    structuredContent: '2025-06-18',
    _meta: FIRST,
  }),
  'resources/list': members({ ...page, resources: [FIRST, each(members(resource))] }),
  'resources/templates/list': members({
    ...page,
    resourceTemplates: [
      FIRST,
      each(members({ ...described, uriTemplate: FIRST, mimeType: FIRST, annotations })),
    ],
  }),
  'resources/read': members({ contents: [FIRST, each(contents)], _meta: FIRST }),
  'prompts/list': members({ ...page, prompts: [FIRST, each(prompt)] }),
  'prompts/get': members({ description: FIRST, messages: [FIRST, each(message)], _meta: FIRST }),
};

/** Parameters of notifications and server requests, by method. */
const PARAMS: Readonly<Record<string, Fit>> = {
  'notifications/progress': members({
    progressToken: FIRST,
    progress: FIRST,
    total: FIRST,
    message: '2025-03-26',
  }),
  // Part of no revision; its blocks follow the revision.
  'notifications/tool/streamContent': members({ content: [FIRST, each(content)], toolName: FIRST }),
  'notifications/tools/partial_result': members({
    partialResultToken: FIRST,
    seq: FIRST,
    content: [FIRST, each(content)],
    final: FIRST,
  }),
  'elicitation/create': members({
    message: FIRST,
    requestedSchema: FIRST,
    mode: '2025-11-25',
    url: '2025-11-25',
    elicitationId: '2025-11-25',
    _meta: FIRST,
  }),
  'sampling/createMessage': members({
    messages: [FIRST, each(members({ role: FIRST, content: [FIRST, each(sampled)], _meta: '2025-11-25' }))],
    modelPreferences: FIRST,
    systemPrompt: FIRST,
    includeContext: FIRST,
    temperature: FIRST,
    maxTokens: FIRST,
    stopSequences: FIRST,
    metadata: FIRST,
    tools: '2025-11-25',
    toolChoice: '2025-11-25',
    _meta: FIRST,
  }),
};

/** A method's result, reduced to what a session of the revision may get. */
export function fitResult(method: string, result: Params, revision: string): Params {
  return fit(RESULTS, method, result, revision);
}

/** Parameters of a notification or server request, reduced to what a session of the revision may get. */
export function fitParams(method: string, params: Params, revision: string): Params {
  return fit(PARAMS, method, params, revision);
}

function fit(table: Readonly<Record<string, Fit>>, method: string, value: Params, revision: string): Params {
  if (revision >= COMPLETE_SINCE) return value;
  return (table[method]?.(value, revision) as Params | undefined) ?? value;
}
