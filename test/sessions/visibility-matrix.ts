import { expect } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { JsonSocket } from '../harness/json-socket.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { SessionAgent, Viewer } from './session-client.js';

/** Each message says one word, which is looked for in everything that a viewer is given. */
export const WORDS = ['publicword', 'privateword', 'agentsword', 'adminsword', 'bobsword'] as const;
export type Word = (typeof WORDS)[number];

export const SEEN_BY = {
  alice: ['publicword', 'privateword', 'agentsword'],
  bob: ['publicword', 'bobsword'],
  carol: ['publicword'],
  anonymous: ['publicword'],
  /** Somebody else, who has a token made for alice's name. */
  impostor: ['publicword'],
  root: [...WORDS],
} as const satisfies Record<string, readonly Word[]>;
export type Who = keyof typeof SEEN_BY;
export const EVERYONE = Object.keys(SEEN_BY) as Who[];

/** One way to look at a session, and what comes of it. */
export interface Way {
  readonly name: string;
  readonly look: (scene: Scene, who: Who) => Promise<unknown>;
  /** How many messages the answer says there are. */
  readonly count?: (answer: Record<string, unknown>) => unknown;
}

export function wordsIn(answer: unknown): Set<Word> {
  const text = JSON.stringify(answer);
  return new Set(WORDS.filter((word) => text.includes(word)));
}

/** A session with a message of every kind, and viewers who watched while they were added. */
export class Scene {
  readonly tokens = {} as Record<Who, string>;
  readonly agents = {} as Record<Who, SessionAgent>;
  readonly sockets = {} as Record<Who, Viewer>;
  readonly bridgeSockets = {} as Record<Who, Viewer>;
  readonly agentSockets = {} as Record<Who, JsonSocket>;
  /** Words of the messages for which a change was announced to those who watch the session as a resource. */
  readonly notified = {} as Record<Who, Word[]>;
  /** The session as it is shown before anything hidden was added. */
  shownBefore: unknown;
  session = '';

  private constructor(readonly service: RunningService) {}

  static async start(): Promise<Scene> {
    const scene = new Scene(await RunningService.start({ JWT_SECRET: SECRET }));
    await scene.prepare();
    return scene;
  }

  stop(): Promise<void> {
    return this.service.stop();
  }

  query(who: Who, more = ''): string {
    const members = [this.tokens[who] === '' ? '' : `token=${this.tokens[who]}`, more].filter(Boolean);
    return members.length === 0 ? '' : `?${members.join('&')}`;
  }

  headers(who: Who): Record<string, string> {
    return this.tokens[who] === '' ? {} : { authorization: `Bearer ${this.tokens[who]}` };
  }

  async rest(who: Who, path: string): Promise<Record<string, unknown>> {
    const headers = this.headers(who);
    return (await this.service.rest.request('GET', `/api/sessions/${this.session}${path}`, { headers })).body;
  }

  tool(who: Who, name: string, args: object = {}): Promise<Record<string, unknown>> {
    return this.agents[who].call(name, { session_id: this.session, ...args });
  }

  async resource(who: Who, uri: string): Promise<string> {
    return (await this.agents[who].mcp.result('resources/read', { uri })).contents[0]!.text;
  }

  private async prepare(): Promise<void> {
    const { ws } = this.service;
    this.tokens.alice = await sign({ sub: 'alice' });
    this.tokens.bob = await sign({ sub: 'bob' });
    this.tokens.carol = await sign({ sub: 'carol' });
    this.tokens.root = await sign({ sub: 'root', role: 'admin' });
    this.tokens.anonymous = '';
    const eve = await SessionAgent.connect(ws, `?token=${await sign({ sub: 'eve' })}`);
    this.tokens.impostor = (await eve.as('alice')).authToken;
    for (const who of EVERYONE) {
      this.agents[who] = await SessionAgent.connect(ws, this.query(who));
      this.notified[who] = [];
    }
    this.session = await this.agents.alice.newSession();
    for (const who of EVERYONE) await this.watch(who);
    const { alice, bob, root } = this.agents;
    this.shownBefore = await this.rest('carol', '');
    await this.say(alice, 'privateword', 'private');
    await this.say(alice, 'agentsword', 'agent_only');
    await this.say(root, 'adminsword', 'admin_only');
    await this.say(bob, 'bobsword', 'private');
    expect((await this.rest('carol', '')).updated_at).toBe(
      (this.shownBefore as { updated_at: number }).updated_at,
    );
    await this.say(alice, 'publicword', 'public');
    await alice.call('set_memory', { key: 'k', value: 'memoryword', session_id: this.session });
  }

  private async watch(who: Who): Promise<void> {
    const { ws } = this.service;
    this.sockets[who] = await Viewer.open(`${ws}/sessions/${this.session}${this.query(who)}`);
    this.bridgeSockets[who] = await Viewer.open(`${ws}/ws/${this.session}${this.query(who)}`);
    this.agentSockets[who] = await JsonSocket.connect(`${ws}/mcp/${this.session}${this.query(who)}`);
    await this.agentSockets[who].ask({ type: 'subscribe' });
    await this.agents[who].mcp.result('resources/subscribe', { uri: `session://${this.session}` });
  }

  /** Adds a message, and notes who is told that the session as a resource has changed. */
  private async say(agent: SessionAgent, word: Word, visibility: string): Promise<void> {
    const updates = (who: Who): number => this.agents[who].mcp.of('notifications/resources/updated').length;
    const before = Object.fromEntries(EVERYONE.map((who) => [who, updates(who)])) as Record<Who, number>;
    await agent.say(this.session, word, { visibility });
    // An admin is told of every message; whoever else is told is so by the time of an answer.
    await eventually('the news of a message', () => updates('root') > before.root);
    for (const who of EVERYONE) {
      await this.agents[who].mcp.result('ping');
      if (updates(who) > before[who]) this.notified[who].push(word);
    }
  }
}

async function framesOf(socket: JsonSocket): Promise<unknown> {
  socket.send({ id: 'end', method: 'ping' });
  await expect.poll(() => socket.inbox.some(({ id }) => id === 'end'), { timeout: 10_000 }).toBe(true);
  return [...socket.inbox];
}

async function replayed(url: string, count: number): Promise<unknown> {
  const late = await Viewer.replaying(url);
  const contents = await late.contents(count);
  // Nothing more comes.
  const rest = await late.everything();
  await late.socket.close();
  return [contents, rest];
}

async function eventStream(scene: Scene, who: Who): Promise<unknown> {
  const ending = new AbortController();
  const response = await fetch(`${scene.service.http}/api/sessions/${scene.session}/stream`, {
    headers: scene.headers(who),
    signal: ending.signal,
  });
  const reader = response.body!.getReader();
  let text = '';
  // The public message is the last one.
  while (!text.includes('publicword')) text += new TextDecoder().decode((await reader.read()).value);
  ending.abort();
  return text;
}

const each = async (words: readonly string[], ask: (word: string) => Promise<unknown>): Promise<unknown> =>
  Promise.all(words.map(ask));
const ALL_TIME = { start_time: '2020-01-01', end_time: '2099-01-01' };
/** What a search for `query` found, without the query, which the answer repeats. */
const found = async (answer: Promise<Record<string, unknown>>): Promise<unknown> => (await answer).results;

export const WAYS: readonly Way[] = [
  { name: 'socket, live', look: (scene, who) => scene.sockets[who].everything() },
  { name: 'bridge socket, live', look: (scene, who) => scene.bridgeSockets[who].everything() },
  {
    name: 'socket, replay',
    look: (scene, who) =>
      replayed(
        `${scene.service.ws}/sessions/${scene.session}${scene.query(who, 'after_seq=0')}`,
        SEEN_BY[who].length,
      ),
  },
  { name: 'plain-JSON socket, live', look: (scene, who) => framesOf(scene.agentSockets[who]) },
  {
    name: 'plain-JSON socket, get_messages',
    look: async (scene, who) => {
      const socket = await JsonSocket.connect(`${scene.service.ws}/mcp/${scene.session}${scene.query(who)}`);
      const answer = await socket.ask({ type: 'get_messages' });
      await socket.close();
      return answer;
    },
    count: ({ count }) => count,
  },
  { name: 'event stream', look: eventStream },
  { name: 'REST messages', look: (scene, who) => scene.rest(who, '/messages'), count: (a) => a.total_count },
  {
    name: 'REST messages by sender',
    look: (scene, who) => each(['alice', 'bob', 'root'], (by) => scene.rest(who, `/messages?sender=${by}`)),
  },
  {
    name: 'REST messages by visibility',
    look: (scene, who) =>
      each(['public', 'private', 'agent_only', 'admin_only'], (by) =>
        scene.rest(who, `/messages?visibility=${by}`),
      ),
  },
  {
    name: 'REST search',
    look: (scene, who) => scene.rest(who, '/search?q=word&threshold=0&limit=100'),
    count: ({ total }) => total,
  },
  {
    name: 'get_messages',
    look: (scene, who) => scene.tool(who, 'get_messages'),
    count: (answer) => answer.total_count,
  },
  {
    name: 'get_messages by visibility',
    look: (scene, who) =>
      each(['public', 'private', 'agent_only', 'admin_only'], (filter) =>
        scene.tool(who, 'get_messages', { visibility_filter: filter }),
      ),
  },
  {
    name: 'get_session',
    look: (scene, who) => scene.tool(who, 'get_session'),
    count: (answer) => answer.message_count,
  },
  {
    name: 'search_context',
    look: (scene, who) =>
      each(WORDS, (query) => found(scene.tool(who, 'search_context', { query, fuzzy_threshold: 95 }))),
  },
  {
    name: 'search_context, everything',
    look: (scene, who) => scene.tool(who, 'search_context', { query: 'word', fuzzy_threshold: 0 }),
    count: ({ total }) => total,
  },
  {
    name: 'search_by_sender',
    look: (scene, who) =>
      each(['alice', 'bob', 'root'], (sender) => scene.tool(who, 'search_by_sender', { sender })),
  },
  {
    name: 'search_by_timerange',
    look: (scene, who) => scene.tool(who, 'search_by_timerange', ALL_TIME),
    count: ({ count }) => count,
  },
  {
    name: 'resource of the session',
    look: async (scene, who) =>
      JSON.parse(await scene.resource(who, `session://${scene.session}`)) as unknown,
    count: ({ statistics }) => (statistics as { message_count: number }).message_count,
  },
  {
    name: 'resource of its messages',
    look: async (scene, who) =>
      JSON.parse(await scene.resource(who, `session://${scene.session}/messages/500`)) as unknown,
    count: ({ pagination }) => (pagination as { total_messages_returned: number }).total_messages_returned,
  },
  { name: 'change notifications', look: (scene, who) => Promise.resolve(scene.notified[who]) },
  {
    name: 'prompt debug-session',
    look: (scene, who) =>
      scene.agents[who].mcp.result('prompts/get', {
        name: 'debug-session',
        arguments: { session_id: scene.session },
      }),
  },
];

/** The ways by which somebody is given what is not for him. */
export async function leaks(): Promise<string[]> {
  const scene = await Scene.start();
  try {
    const leaking: string[] = [];
    for (const way of WAYS) {
      const words = wordsIn(await way.look(scene, 'carol'));
      if (words.size > SEEN_BY.carol.length) leaking.push(way.name);
    }
    return leaking;
  } finally {
    await scene.stop();
  }
}
