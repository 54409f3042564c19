import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient as SdkClient } from '../../src/client/rest/rest-client.js';
import { OpstreamClientError } from '../../src/client/errors.js';
import { parseJson } from '../../src/platform/json.js';
import { HubClient } from '../harness/hub-client.js';
import type { JsonSocket } from '../harness/json-socket.js';
import { McpClient } from '../harness/mcp-client.js';
import { SECRET } from '../harness/tokens.js';
import { RunningService } from '../harness/running-service.js';
import { eventually } from '../harness/eventually.js';

/** `recorded`, or the code of the refusal. */
type Outcome = string;
/** Sends a `log` event whose `details` are `{"v": <value>}`; `value` is JSON text as it is to arrive. */
type Sender = (message: string, value: string) => Promise<Outcome>;

const ODD: readonly (readonly [value: string, recorded: string | { readonly refused: true }])[] = [
  ['null', 'null'],
  ['{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}'],
  ['{"constructor":{"prototype":{"a":1}}}', '{"constructor":{"prototype":{"a":1}}}'],
  ['{"toString":1,"hasOwnProperty":null,"toJSON":"x"}', '{"toString":1,"hasOwnProperty":null,"toJSON":"x"}'],
  ['154284075601887489', '154284075601887489'],
  ['[-9223372036854775808,18446744073709551615]', '[-9223372036854775808,18446744073709551615]'],
  ['1e400', { refused: true }],
  ['-1e999', { refused: true }],
  ['1e21', '1e+21'],
  ['0.10000000000000000555', '0.1'],
  ['1.0', '1'],
  ['-0', '0'],
  [String.raw`"\ud83d"`, '"\uFFFD"'],
  [String.raw`{"\udc00":"a\ud800b"}`, '{"\uFFFD":"a\uFFFDb"}'],
  [String.raw`"\ud83d\ude00"`, '"\u{1F600}"'],
  [String.raw`"\u0000\u2028\u0085"`, '"\\u0000\u2028\u0085"'],
  [String.raw`"\\ud83d"`, String.raw`"\\ud83d"`],
  ['"\uFEFF"', '"\uFEFF"'],
  ['""', '""'],
  ['{"":""}', '{"":""}'],
  ['{"a":1,"a":2}', '{"a":2}'],
  [`${'['.repeat(60)}${']'.repeat(60)}`, `${'['.repeat(60)}${']'.repeat(60)}`],
  [`${'['.repeat(70)}${']'.repeat(70)}`, { refused: true }],
];

describe('JSON is the same on every transport', () => {
  let service: RunningService;
  let hub: HubClient;
  let agent: JsonSocket;
  let mcp: McpClient;
  let senders: Record<string, Sender>;
  let id: string;
  let count = 0;

  beforeAll(async () => {
    service = await RunningService.start({
      STORE: 'sqlite',
      JWT_SECRET: SECRET,
      ALLOW_ANONYMOUS: 'true',
    });
    hub = await service.hub();
    agent = await service.agent({
      id: 'agent',
      tenant: 'default',
      scopes: ['operations:read', 'operations:write'],
    });
    mcp = await McpClient.connect(`${service.ws}/mcp`);
    await mcp.initialize();
    const sdk = new SdkClient({ url: service.http });
    const rest = async (path: string, body: string, type = 'application/json'): Promise<Outcome> => {
      const answer = await service.rest.post(`/api/operations/${id}/${path}`, body, { 'content-type': type });
      return answer.status === 201 ? 'recorded' : String(answer.body.code);
    };
    const data = (message: string, value: string): string =>
      `{"message":${JSON.stringify(message)},"details":{"v":${value}}}`;
    const event = (message: string, value: string): string =>
      `{"event_type":"log","data":${data(message, value)}}`;
    senders = {
      REST: (message, value) => rest('log', data(message, value)),
      'REST, with a byte order mark': (message, value) => rest('log', `\uFEFF${data(message, value)}`),
      'REST, a batch': (message, value) => rest('events', `[${event(message, value)}]`),
      NDJSON: (message, value) => rest('events', `\uFEFF${event(message, value)}\n`, 'application/x-ndjson'),
      hub: async (message, value) => {
        const answer = await hub.ask(
          `{"command":"emit","operation_id":"${id}","event_type":"log","data":${data(message, value)}}`,
        );
        return answer.event_type === 'recorded' ? 'recorded' : String(answer.data.code);
      },
      agents: async (message, value) => {
        const frame = `{"type":"emit","operation_id":"${id}","event_type":"log","data":${data(message, value)}}`;
        agent.send(frame);
        const { code } = await agent.next();
        return typeof code === 'string' ? code : 'recorded';
      },
      SDK: async (message, value) => {
        // The SDK writes values, and refuses what it cannot read as one.
        let details: unknown;
        try {
          details = { v: parseJson(value) };
        } catch {
          return 'invalid_request';
        }
        try {
          await sdk.record(id, [{ event_type: 'log', data: { message, details } }] as never);
          return 'recorded';
        } catch (thrown) {
          return (thrown as OpstreamClientError).code;
        }
      },
    };
  });
  afterAll(async () => {
    mcp.socket.terminate();
    await service.stop();
  });

  /** The log as text, as each transport gives it. */
  const readers = (): Record<string, () => Promise<string>> => ({
    REST: async () => (await service.rest.get(`/api/operations/${id}/events?limit=1000`)).text,
    SSE: async () => {
      const aborter = new AbortController();
      const response = await fetch(`${service.http}/api/operations/${id}/stream`, { signal: aborter.signal });
      let text = '';
      void (async () => {
        const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
        for await (const chunk of response.body!) text += decoder.decode(chunk, { stream: true });
      })().catch(() => {});
      await eventually('the end of the log', () => text.includes('"message":"the end"'));
      aborter.abort();
      return text;
    },
    'hub, history': () =>
      raw(hub, { command: 'get_history', operation_id: id, limit: 1000 }, /"event_type":"history"/),
    'hub, live': () =>
      raw(hub, { command: 'subscribe', operation_id: id, after_seq: 0 }, /"message":"the end"/),
    'MCP, resource': async () => {
      const { contents } = await mcp.result('resources/read', { uri: `operation://${id}/events` });
      return contents[0]!.text;
    },
  });

  /** Sends a command, and gives all frames until one matches, as they came. */
  async function raw(client: HubClient, command: object, until: RegExp): Promise<string> {
    let text = '';
    const listen = (frame: Buffer): void => void (text += `${frame.toString()}\n`);
    client.socket.on('message', listen);
    client.send(command);
    await eventually('the frames', () => until.test(text));
    client.socket.off('message', listen);
    client.inbox.splice(0);
    return text;
  }

  /** What every sender was answered, and what every reader shows of it. */
  async function everywhere(
    values: readonly string[],
  ): Promise<{ outcomes: Record<string, Outcome>; shown: Record<string, string | undefined> }[]> {
    id = await service.rest.open();
    const outcomes: Record<string, Outcome>[] = [];
    for (const value of values) {
      const of: Record<string, Outcome> = {};
      for (const [name, send] of Object.entries(senders))
        of[name] = await send(`${values.indexOf(value)} ${name}`, value);
      outcomes.push(of);
    }
    await service.rest.emit(id, 'log', { message: 'the end' });
    const logs: Record<string, string> = {};
    for (const [name, read] of Object.entries(readers())) logs[name] = await read();
    return values.map((_value, index) => ({
      outcomes: outcomes[index]!,
      shown: Object.fromEntries(
        Object.entries(logs).flatMap(([reader, text]) =>
          Object.keys(senders).map((sender) => [
            `${sender} → ${reader}`,
            detailsIn(text, `${index} ${sender}`),
          ]),
        ),
      ),
    }));
  }

  it('odd values are recorded alike, or refused alike, and shown alike', async () => {
    const seen = await everywhere(ODD.map(([value]) => value));
    for (const [index, [value, expected]] of ODD.entries()) {
      const { outcomes, shown } = seen[index]!;
      const refused = typeof expected !== 'string';
      const codes = new Set(Object.values(outcomes));
      expect([value, [...codes]]).toEqual([value, [refused ? 'invalid_request' : 'recorded']]);
      const texts = new Set(Object.values(shown));
      expect([value, [...texts]]).toEqual([value, [refused ? undefined : expected]]);
    }
  });

  it('any JSON comes back as it was sent, from everyone to everyone (property)', async () => {
    const values = fc.array(
      fc.oneof(
        fc.bigInt().map(String),
        fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value)),
        fc.string({ unit: 'binary' }).map((text) => JSON.stringify({ [text]: text })),
      ),
      { minLength: 1, maxLength: 10 },
    );
    await fc.assert(
      fc.asyncProperty(values, async (sent) => {
        const distinct = [...new Set(sent)];
        for (const [index, { outcomes, shown }] of (await everywhere(distinct)).entries()) {
          expect([distinct[index], [...new Set(Object.values(outcomes))]]).toEqual([
            distinct[index],
            ['recorded'],
          ]);
          expect([...new Set(Object.values(shown))]).toHaveLength(1);
          const [text] = Object.values(shown);
          expect(parseJson(text!)).toEqual(parseJson(text === undefined ? '' : wellFormed(distinct[index]!)));
        }
      }),
      { numRuns: 12 },
    );
  });

  it.each([
    [
      'bytes that are not UTF-8',
      Buffer.from('{"message":"\xff"}', 'latin1'),
      'application/json',
      'invalid_json',
    ],
    ['a cut character', Buffer.from('{"message":"ä"}').subarray(0, -3), 'application/json', 'invalid_json'],
    [
      'ISO 8859-1 that says so',
      Buffer.from('{"message":"\xe4"}', 'latin1'),
      'application/json; charset=ISO-8859-1',
      'ä',
    ],
    ['UTF-16 with its mark', Buffer.from('\uFEFF{"message":"ä"}', 'utf16le'), 'application/json', 'ä'],
    [
      'a charset that nobody knows',
      Buffer.from('{}'),
      'application/json; charset=klingon',
      'unsupported_media_type',
    ],
    ['nothing', Buffer.alloc(0), 'application/json', 'invalid_event'],
  ])('the encoding is looked at: %s', async (_what, bytes, type, expected) => {
    id = await service.rest.open();
    const path = `${service.http}/api/operations/${id}/log`;
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': type },
      body: new Uint8Array(bytes),
    });
    const { code } = (await answer.json()) as { code?: string };
    const log = await service.rest.get(`/api/operations/${id}/events?after_seq=1`);
    if (code === undefined) expect(log.text).toContain(`"message":"${expected}"`);
    else expect([code, (log.body.events as unknown[]).length]).toEqual([expected, 0]);
  });

  it('a BigInt of the SDK arrives with its digits', async () => {
    id = await service.rest.open();
    const details = { id: 154284075601887489n };
    await new SdkClient({ url: service.http }).record(id, [
      { event_type: 'log', data: { message: 'm', details } },
    ] as never);
    const { text } = await service.rest.get(`/api/operations/${id}/events`);
    expect(text).toContain('"details":{"id":154284075601887489}');
  });

  it.each([
    ['{"operation_type":"t","metadata":{"id":154284075601887489,"__proto__":{"a":"\\ud83d"}}}', undefined],
    ['{"operation_type":"t","metadata":{"a":1e400}}', 'invalid_request'],
    ['{"operation_type":"t","metadata":null}', undefined],
    ['{"operation_type":"t","metadata":[]}', 'invalid_request'],
  ])('an operation is opened alike: %s', async (body, code) => {
    count += 1;
    const named = (name: string): string => body.replace('{', `{"operation_id":"${name}-${count}",`);
    const answer = await service.rest.post('/api/operations', named('rest'));
    const frame = await hub.ask(named('hub').replace('{', '{"command":"create_operation",'));
    mcp.socket.send(
      `{"jsonrpc":"2.0","id":"c${count}","method":"tools/call","params":{"name":"create_operation","arguments":${named('mcp')}}}`,
    );
    const metadata = async (name: string): Promise<string | undefined> => {
      const { text } = await service.rest.get(`/api/operations/${name}-${count}`);
      return /"metadata":(.*),"event_count"/.exec(text)?.[1];
    };
    if (code === undefined) {
      await eventually('the call', async () => (await metadata('mcp')) !== undefined);
      expect(await metadata('hub')).toBe(await metadata('rest'));
      expect(await metadata('mcp')).toBe(await metadata('rest'));
    } else {
      expect([answer.body.code, frame.data.code]).toEqual([code, code]);
      expect(await metadata('mcp')).toBeUndefined();
    }
  });
});

/** The text of `details.v` of the event with this message. */
function detailsIn(log: string, message: string): string | undefined {
  const before = `"message":${JSON.stringify(message)},"details":{"v":`;
  const at = log.indexOf(before);
  if (at < 0) return undefined;
  const from = at + before.length;
  // The end of the value: the shortest text that is JSON and is followed by the end of details and data.
  for (let end = log.indexOf('}}', from); end >= 0; end = log.indexOf('}}', end + 1)) {
    const text = log.slice(from, end);
    // Event streams escape line ends of Unicode, which is the same JSON.
    if (isJson(text))
      return text.replaceAll(/\\u(0085|2028|2029)/g, (_all, code) => JSON.parse(`"\\u${code}"`) as string);
  }
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The text with halves of surrogate pairs replaced, as the log shows it. */
function wellFormed(json: string): string {
  return json.replace(/\\(?:u(d[89a-f][\da-f]{2})|.)/g, (escape, half: string | undefined) =>
    half === undefined ? escape : '\uFFFD',
  );
}
