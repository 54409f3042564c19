import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

interface Message {
  readonly event_type: string;
  readonly request_id?: string;
  readonly data: Record<string, unknown>;
}

describe('streams over the hub’s socket', () => {
  let service: RunningService;
  const sockets: WebSocket[] = [];

  beforeAll(async () => {
    service = await RunningService.start({ JWT_SECRET: SECRET, MAX_EVENTS_PER_OPERATION: '20' });
  });
  afterAll(async () => {
    for (const socket of sockets) socket.close();
    await service.stop();
  });

  const call = (method: string, path: string, type: string, body?: string, headers = {}) =>
    fetch(`${service.http}/v1/stream/${path}`, {
      method,
      headers: { 'content-type': type, ...headers },
      ...(body !== undefined && { body }),
    });

  async function connect(token?: string) {
    const query = token === undefined ? '' : `?token=${token}`;
    const socket = new WebSocket(`${service.ws}/hub${query}`);
    sockets.push(socket);
    const received: Message[] = [];
    socket.addEventListener('message', ({ data }) => received.push(JSON.parse(String(data)) as Message));
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    let count = 0;
    const ask = async (command: object): Promise<Message> => {
      const id = String(++count);
      socket.send(JSON.stringify({ ...command, request_id: id }));
      const answer = (): Message | undefined => received.find((message) => message.request_id === id);
      await eventually('the answer', () => answer() !== undefined);
      return answer()!;
    };
    const stream = (path: string) =>
      received
        .filter(({ event_type, data }) => event_type === 'stream' && data.path === path)
        .map(({ data }) => data);
    return { socket, received, ask, stream };
  }

  it('what is there, then what comes, each once, until the stream is closed', async () => {
    await call('PUT', 'hub/json', 'application/json', '[1]');
    const one = await connect();
    const answer = await one.ask({ command: 'subscribe_stream', path: 'hub/json' });
    expect(answer).toMatchObject({
      event_type: 'subscribed',
      data: { path: 'hub/json', offset: '-1', content_type: 'application/json', closed: false },
    });
    const late = await connect();
    await late.ask({ command: 'subscribe_stream', path: 'hub/json', offset: 'now' });
    await call('POST', 'hub/json', 'application/json', '[{"n":12345678901234567890},3]');
    await call('POST', 'hub/json', 'application/json', '4', { 'stream-closed': 'true' });
    await eventually('the end', () => one.stream('hub/json').at(-1)?.closed === true);
    await eventually('the end', () => late.stream('hub/json').at(-1)?.closed === true);
    expect(one.stream('hub/json').map(({ messages }) => messages)).toEqual([
      [1],
      [{ n: 1.2345678901234567e19 }, 3],
      [4],
    ]);
    expect(late.stream('hub/json').map(({ messages }) => messages)).toEqual([
      [{ n: 1.2345678901234567e19 }, 3],
      [4],
    ]);
    const from = one.stream('hub/json')[0]!.next_offset;
    await late.ask({ command: 'subscribe_stream', path: 'hub/json', offset: from });
    await eventually('the repetition', () => late.stream('hub/json').length === 4);
    const over = await late.ask({
      command: 'subscribe_stream',
      path: 'hub/json',
      offset: one.stream('hub/json').at(-1)!.next_offset,
    });
    expect(over.data).toMatchObject({ closed: true });
  });

  it('text, bytes, a place within an append, and content too large for a frame', async () => {
    await call('PUT', 'hub/text', 'text/plain', 'a\r\n');
    await call('PUT', 'hub/bytes', 'application/octet-stream', 'abc');
    await call('PUT', 'hub/large', 'application/json', JSON.stringify('x'.repeat(600_000)));
    const { ask, stream } = await connect();
    for (const path of ['hub/text', 'hub/bytes', 'hub/large'])
      await ask({ command: 'subscribe_stream', path });
    await eventually('all three', () => stream('hub/large').length === 1);
    expect(stream('hub/text')).toMatchObject([{ text: 'a\r\n', up_to_date: true, closed: false }]);
    expect(stream('hub/bytes')).toMatchObject([{ base64: 'YWJj' }]);
    expect(stream('hub/large')).toMatchObject([{ omitted_bytes: 600_002 }]);
    const end = String(stream('hub/bytes')[0]!.next_offset);
    await ask({ command: 'subscribe_stream', path: 'hub/bytes', offset: `${end.slice(0, -1)}1` });
    await eventually('the rest', () => stream('hub/bytes').length === 2);
    expect(stream('hub/bytes')[1]).toMatchObject({ base64: 'YmM=', next_offset: end });
  });

  it('an unsubscribed stream is silent, a removed one says so', async () => {
    await call('PUT', 'hub/left', 'text/plain', 'x');
    await call('PUT', 'hub/removed', 'text/plain', 'x');
    const { ask, stream, received } = await connect();
    for (const path of ['hub/left', 'hub/removed']) await ask({ command: 'subscribe_stream', path });
    await eventually('both', () => stream('hub/left').length + stream('hub/removed').length === 2);
    await ask({ command: 'unsubscribe_stream', path: 'hub/left' });
    await call('POST', 'hub/left', 'text/plain', 'y');
    await call('DELETE', 'hub/removed', 'text/plain');
    await eventually('the word', () => received.some(({ event_type }) => event_type === 'stream_gone'));
    expect(stream('hub/left')).toHaveLength(1);
  });

  it('follows operations, and refuses what may not be read', async () => {
    await service.rest.post('/api/operations', { operation_type: 'job', operation_id: 'hub-job' });
    await service.rest.post('/api/operations/hub-job/result', { result: 1 });
    const { ask, stream } = await connect();
    await ask({ command: 'subscribe_stream', path: 'operations/hub-job' });
    await eventually('its end', () => stream('operations/hub-job').at(-1)?.closed === true);
    expect(await ask({ command: 'subscribe_stream', path: 'operations/none' })).toMatchObject({
      data: { code: 'stream_not_found' },
    });
    for (const path of [undefined, '', '../x', 7])
      expect(await ask({ command: 'subscribe_stream', path })).toMatchObject({
        data: { code: 'invalid_request' },
      });
    expect(await ask({ command: 'subscribe_stream', path: 'hub/text', offset: 'x' })).toMatchObject({
      data: { code: 'invalid_cursor' },
    });
    const blind = await connect(await sign({ sub: 'b', scope: 'operations:read' }));
    expect(await blind.ask({ command: 'subscribe_stream', path: 'hub/text' })).toMatchObject({
      data: { code: 'forbidden' },
    });
    const stranger = await connect(await sign({ sub: 's', tenant: 'other' }));
    expect(await stranger.ask({ command: 'subscribe_stream', path: 'hub/text' })).toMatchObject({
      data: { code: 'stream_not_found' },
    });
  });

  it('a token that may no longer read ends it', async () => {
    await call('PUT', 'hub/scoped', 'text/plain', 'x');
    const { ask, stream } = await connect(await sign({ sub: 'u', tenant: 'default' }));
    await ask({ command: 'subscribe_stream', path: 'hub/scoped' });
    await eventually('the content', () => stream('hub/scoped').length === 1);
    await ask({ command: 'authenticate', token: await sign({ sub: 'u', scope: 'operations:read' }) });
    await call('POST', 'hub/scoped', 'text/plain', 'y');
    await ask({ command: 'ping' });
    expect(stream('hub/scoped')).toHaveLength(1);
  });
});
