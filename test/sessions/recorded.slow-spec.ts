import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InstalledClient, type ClientEnvironment, type Said } from '../harness/installed-client.js';
import type { Json } from '../harness/mcp-client.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { BETTER_CALLS, betterThan, isBetter, type Better } from './better-than-recorded.js';
import { Placeholders, type Difference } from './recorded-answer.js';
import { Viewer } from './session-client.js';

interface Call {
  readonly topic: string;
  readonly note: string;
  readonly tool: string;
  readonly arguments: Json;
  readonly connection?: string;
  readonly answer: Json;
  /** What viewers of session 1 are told by it. */
  readonly frames?: readonly Json[];
}

const PYTHON: ClientEnvironment = { kind: 'python', name: 'client-python-1', packages: ['mcp[ws]==1.30.0'] };
const read = <Item>(name: string): Item[] =>
  JSON.parse(
    readFileSync(new URL(`../fixtures/session-recordings/${name}`, import.meta.url), 'utf8'),
  ) as Item[];
const calls = read<Call>('calls.json');
const rows = new Map(read<Json & { id: number }>('messages.json').map((row) => [row.id, row]));
const TOPICS = [...new Set(calls.map(({ topic }) => topic))];
const MAKE_TOKENS: ReadonlySet<string> = new Set(['authenticate_agent', 'refresh_token']);

/** shared-context-server's own answers, as the official Python client gets them from Opstream (X-33 … X-39). */
describe('what was recorded of shared-context-server', () => {
  let service: RunningService;
  let client: InstalledClient;
  const known = new Placeholders(rows);
  const viewers = new Map<string, Viewer>();
  const used = new Set<Better>();
  let expiresAt = 0;

  beforeAll(async () => {
    service = await RunningService.start({ JWT_SECRET: SECRET });
    // The original asks for an API key to make tokens and for nothing to read: here it is the caller's scopes.
    const connections = {
      operator: await sign({ sub: 'operator', role: 'admin' }),
      reader: await sign({ sub: 'reader', scope: 'mcp sessions:read' }),
      nobody: await sign({ sub: 'nobody', scope: 'mcp' }),
    };
    client = await InstalledClient.start(PYTHON, 'calls.py', [
      `${service.http}/mcp`,
      JSON.stringify(connections),
    ]);
    expect(await client.says()).toEqual({ ready: true });
    for (const name of ['alice', 'bob', 'carol', 'dave', 'fresh']) {
      const agent = { agent_id: name, agent_type: name === 'carol' ? 'gemini' : 'claude' };
      const { token } = await structured('authenticate_agent', agent);
      known.bind(`<token of ${name}${name === 'fresh' ? ', first' : ''}>`, token as string);
    }
    const hour = 3_600_000;
    known.bind('<an hour ago>', new Date(Date.now() - hour).toISOString());
    known.bind('<in an hour>', new Date(Date.now() + hour).toISOString());
    known.bind('<in two hours>', new Date(Date.now() + 2 * hour).toISOString());
  }, 300_000);
  afterAll(async () => {
    client.stop();
    await service.stop();
  });

  const tell = (what: object): Promise<Said> => {
    client.go(JSON.stringify(what));
    return client.says();
  };
  const structured = async (tool: string, args: object): Promise<Json> => {
    const { structured: answer } = await tell({ connection: 'operator', tool, arguments: args });
    expect(answer).toMatchObject({ success: true });
    return answer as Json;
  };
  const newSession = async (name: string, purpose: string): Promise<void> => {
    const { session_id: id } = await structured('create_session', {
      purpose,
      auth_token: known.text('<token of alice>'),
    });
    known.bind(name, id as string);
  };
  const addRow = async (id: number): Promise<void> => {
    const { session_id: session, sender, content, visibility, metadata } = rows.get(id)!;
    const { message_id: added } = await structured('add_message', {
      session_id: known.text(session as string),
      content,
      visibility,
      ...(metadata !== null && { metadata: JSON.parse(metadata as string) as Json }),
      auth_token: known.text(`<token of ${String(sender)}>`),
    });
    known.bindId(id, added as number);
  };
  const addRows = async (first: number, last: number): Promise<void> => {
    for (let id = first; id <= last; id++) await addRow(id);
  };

  /** What the recording says was there before a topic's calls. */
  const before: Partial<Record<string, () => Promise<void>>> = {
    add_message: async () => {
      await newSession('<session 4>', 'elsewhere');
      for (const name of ['alice', 'bob', 'carol', 'root']) {
        const path = `/ws/${known.text('<session 1>')}?token=${known.text(`<token of ${name}>`)}`;
        viewers.set(`<token of ${name}>`, await Viewer.open(service.ws + path));
      }
    },
    get_messages: async () => {
      await newSession('<session 2>', 'visibility');
      await addRows(14, 21);
    },
    search_context: async () => {
      await newSession('<session 3>', 'search');
      await addRows(23, 29);
    },
  };
  const beforeCall: Partial<Record<string, () => Promise<void>>> = {
    'after expiry': () =>
      expect.poll(() => Date.now() / 1000, { timeout: 10_000 }).toBeGreaterThan(expiresAt),
    'same query after a new message': () => addRow(30),
  };

  const connectionOf = ({ tool, arguments: args, connection }: Call): string => {
    if (MAKE_TOKENS.has(tool)) return connection === undefined ? 'operator' : 'nobody';
    return typeof args.auth_token === 'string' && args.auth_token !== '' ? 'operator' : 'reader';
  };
  const differencesOf = async (call: Call): Promise<readonly Difference[]> => {
    await beforeCall[call.note]?.();
    const { topic, tool, note, answer } = call;
    const said = await tell({
      connection: connectionOf(call),
      tool,
      arguments: known.filledIn(call.arguments),
    });
    const structured = said.structured as Json | null;
    if (note === 'expires_in 1') expiresAt = (structured as { expires_at: number }).expires_at;
    const better = betterThan(topic, note, call.arguments);
    if (better) used.add(better);
    if (better?.isError || (answer.isError === true && !better)) {
      expect(said, note).toMatchObject({ isError: true });
      return [];
    }
    if (better?.instead) {
      expect(structured, note).toMatchObject(better.instead);
      return [];
    }
    if (better?.code !== undefined) {
      expect(structured, note).toMatchObject({ success: false, code: better.code, recoverable: true });
      expect(structured, note).not.toHaveProperty('retry_after');
      return [];
    }
    const found = [
      ...known.differences({ ...answer, ...better?.answer }, structured),
      ...(await frameDifferences(call)),
    ];
    return found.filter((difference) => !isBetter(difference));
  };
  /** Everyone who sees it is told, and each viewer once. */
  const frameDifferences = async ({ arguments: args, frames }: Call): Promise<Difference[]> => {
    if (frames === undefined) return [];
    const received = new Map<string, object[]>();
    for (const [token, viewer] of viewers) received.set(token, await viewer.everything());
    const own = received.get(args.auth_token as string) ?? received.get('<token of root>');
    return known.differences(frames, own, 'frames');
  };

  it.each(TOPICS)('%s', async (topic) => {
    await before[topic]?.();
    const wrong: Record<string, readonly Difference[]> = {};
    for (const call of calls.filter((each) => each.topic === topic)) {
      const found = await differencesOf(call);
      if (found.length > 0) wrong[`${call.note} ${JSON.stringify(call.arguments).slice(0, 80)}`] = found;
    }
    expect(wrong).toEqual({});
  });

  it('no difference is expected that there is not', () => {
    expect(used.size).toBe(BETTER_CALLS);
  });

  it('lists the same tools with the same arguments', async () => {
    const { tools } = (await tell({ connection: 'operator', list: 'tools' })) as {
      tools: (Json & { name: string })[];
    };
    for (const recorded of read<{ name: string; inputSchema: Json; outputSchema: Json }>('tools.json')) {
      const { inputSchema, outputSchema } = tools.find(({ name }) => name === recorded.name)!;
      expect(outputSchema).toEqual(recorded.outputSchema);
      expect(inputSchema).toMatchObject(recorded.inputSchema);
    }
  });

  it('reads the same resources', async () => {
    const wrong: Record<string, readonly Difference[]> = {};
    for (const { uri, text } of read<{ uri: string; text: Json }>('resources.json')) {
      const said = await tell({ connection: 'reader', uri: known.filledIn(uri) });
      if ('error' in text) {
        // The original says so in a resource of type text.
        expect(said, uri).toMatchObject({ error: { message: expect.stringContaining('not found') } });
        continue;
      }
      const differences = known.differences(text, JSON.parse(said.text as string));
      const found = differences.filter((difference) => !isBetter(difference));
      if (found.length > 0) wrong[uri] = found;
    }
    expect(wrong).toEqual({});
  });
});
