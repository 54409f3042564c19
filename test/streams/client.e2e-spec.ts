import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DurableStream, HubClient, RestClient, RECONNECT, type StreamChunk } from '../../src/client/index.js';
import { CliProcess } from '../harness/cli-process.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { eventually } from '../harness/eventually.js';
import { ServiceProcess } from '../harness/service-process.js';

/** Quick, so that a test with many losses is. */
const QUICK = { maxAttempts: Infinity, delay: () => 5 };

describe('streams in the SDK and on the command line', { timeout: 60_000 }, () => {
  let service: ServiceProcess;
  let proxy: CuttableProxy;
  let hub: HubClient;

  beforeAll(async () => {
    service = await ServiceProcess.start();
    proxy = await CuttableProxy.inFrontOf(Number(new URL(service.url).port));
    hub = new HubClient({ url: service.url });
  });
  afterAll(async () => {
    hub.close();
    await proxy.close();
    await service.stop();
  });

  const through = (path: string) =>
    new DurableStream(new RestClient({ url: proxy.url }), path, { reconnect: QUICK });
  const textOf = (chunks: readonly StreamChunk[]) =>
    Buffer.concat(chunks.map(({ bytes }) => bytes)).toString();
  const collect = async (chunks: AsyncIterable<StreamChunk>): Promise<StreamChunk[]> => {
    const collected: StreamChunk[] = [];
    for await (const chunk of chunks) collected.push(chunk);
    return collected;
  };

  it('writes messages in order, follows and ends', async () => {
    const stream = hub.stream('sdk/json');
    const info = await stream.create({ operation: true });
    expect(info).toMatchObject({
      contentType: 'application/json',
      operationId: expect.any(String) as string,
    });
    const followed = collect(stream.follow());
    await Promise.all([stream.append({ a: 1 }), stream.append([2, 3]), stream.append('four')]);
    const end = await stream.close(5);
    const chunks = await followed;
    expect(chunks.flatMap(({ messages }) => messages)).toEqual([{ a: 1 }, [2, 3], 'four', 5]);
    expect(chunks.at(-1)).toMatchObject({ closed: true, offset: end.offset });
    await eventually('the operation', async () => {
      const operation = await hub.getOperation(info.operationId!);
      return operation?.status === 'completed';
    });
  });

  it('text and bytes come back byte for byte', async () => {
    const text = hub.stream('sdk/text');
    await text.create({ contentType: 'text/plain' });
    const followed = collect(text.follow());
    for (const part of ['one\r\ntwo\r', '\nthree\n\n', ' four']) await text.append(part);
    await text.close();
    expect(textOf(await followed)).toBe('one\r\ntwo\r\nthree\n\n four');
    const bytes = hub.stream('sdk/bytes');
    await bytes.create({ contentType: 'application/octet-stream' });
    await bytes.append(Uint8Array.from({ length: 256 }, (_, index) => index));
    await bytes.close();
    const chunks = await collect(bytes.follow());
    const whole = Buffer.concat(chunks.map((chunk) => chunk.bytes));
    expect(whole.toJSON().data).toEqual([...Array(256).keys()]);
    expect((await collect(bytes.read())).at(-1)).toMatchObject({ closed: true });
  });

  it('a connection that is lost again and again costs and repeats nothing', async () => {
    const COUNT = 60;
    const stream = through('sdk/lost');
    await stream.create();
    const followed = collect(through('sdk/lost').follow());
    const cutting = setInterval(() => proxy.cut(), 40);
    for (let index = 0; index < COUNT; index++) {
      await stream.append(index);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await stream.close();
    clearInterval(cutting);
    const chunks = await followed;
    expect(chunks.flatMap(({ messages }) => messages)).toEqual([...Array(COUNT).keys()]);
    expect(proxy.accepted).toBeGreaterThan(5);
  });

  it('refusals are told, and what was refused is not in the way of what follows', async () => {
    const stream = hub.stream('sdk/refused');
    await expect(stream.append(1)).rejects.toMatchObject({ code: 'stream_not_found' });
    await stream.create();
    await stream.append(1);
    await stream.close();
    await expect(stream.append(2)).rejects.toMatchObject({ code: 'stream_closed' });
    await expect(hub.stream('sdk/refused').create({ contentType: 'text/plain' })).rejects.toMatchObject({
      code: 'stream_exists',
    });
    await stream.delete();
    await expect(stream.info()).rejects.toMatchObject({ code: 'stream_not_found' });
    const gone = new DurableStream(new RestClient({ url: 'http://127.0.0.1:9' }), 'x', {
      reconnect: RECONNECT.never,
    });
    await expect(collect(gone.follow())).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('an operation is followed like any stream', async () => {
    const id = await hub.createOperation('job');
    const followed = collect(hub.stream(`operations/${id}`).follow());
    await hub.record(id, 'result', { result: 1 });
    const types = (await followed).flatMap(({ messages }) =>
      messages.map((message) => (message as { event_type: string }).event_type),
    );
    expect(types).toEqual(['status', 'result', 'completed']);
  });

  it('opstream stream create, append, read, follow, close', async () => {
    const opstream = async (args: string[], input = '') => {
      const cli = new CliProcess(['stream', ...args], { env: { OPSTREAM_URL: service.url } });
      if (input !== '') cli.type(input);
      cli.endInput();
      return { code: await cli.exit, stdout: cli.stdout, stderr: cli.stderr };
    };
    const created = await opstream(['create', 'cli/text', '--operation']);
    expect(created).toMatchObject({ code: 0, stderr: '' });
    expect((await hub.getOperation(created.stdout.trim()))?.status).toBe('running');
    const followed = opstream(['follow', 'cli/text']);
    const first = await opstream(['append', 'cli/text', 'Once upon ']);
    expect(first.stdout).toMatch(/^\d{16}_\d{16}\n$/);
    await opstream(['append', 'cli/text'], 'a time\n');
    expect(await opstream(['read', 'cli/text', '--offset', first.stdout.trim()])).toMatchObject({
      stdout: 'a time\n',
    });
    await opstream(['close', 'cli/text']);
    expect(await followed).toEqual({ code: 0, stdout: 'Once upon a time\n', stderr: '' });
    await opstream(['create', 'cli/json', '--content-type', 'application/json']);
    await opstream(['append', 'cli/json', '--close'], '{"a":1}\n\n[2]\n"three"');
    expect((await opstream(['follow', 'cli/json'])).stdout).toBe('{"a":1}\n[2]\n"three"\n');
    expect(await opstream(['append', 'cli/json', '1'])).toMatchObject({ code: 4 });
    expect(await opstream(['read', 'cli/none'])).toMatchObject({ code: 4 });
  });
});
