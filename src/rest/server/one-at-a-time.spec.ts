import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OneAtATime } from './one-at-a-time.js';

const post = (url: string, body: string) =>
  `POST ${url} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('requests of one connection', () => {
  const turns = new OneAtATime();
  let client: Socket;
  let text: string;
  /** Requests that were started, and how each is answered. */
  let started: { readonly url: string; readonly response: ServerResponse }[];
  const server = createServer((request, response) =>
    turns.serve(request, response, () => started.push({ url: request.url!, response })),
  );

  beforeEach(async () => {
    started = [];
    text = '';
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
    client.on('data', (chunk: Buffer) => (text += chunk.toString()));
  });
  afterEach(async () => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  const ask = (...urls: string[]) =>
    client.write(urls.map((url) => `GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  const urls = () => started.map(({ url }) => url);

  it('are started one after the other, and answered in order', async () => {
    ask('/1', '/2', '/3');
    for (const count of [1, 2, 3]) {
      await expect.poll(urls).toEqual(['/1', '/2', '/3'].slice(0, count));
      started[count - 1]!.response.end(`answer ${count}`);
    }
    await expect.poll(() => text.match(/answer \d/g)).toEqual(['answer 1', 'answer 2', 'answer 3']);
    // The line is empty: the connection is read again.
    ask('/4');
    await expect.poll(urls).toContain('/4');
  });

  it('with bodies, too', async () => {
    client.write(post('/1', 'one') + post('/2', 'two') + post('/3', 'three').slice(0, -2));
    await expect.poll(urls).toEqual(['/1']);
    started[0]!.response.end();
    await expect.poll(urls).toEqual(['/1', '/2']);
    started[1]!.response.end();
    await expect.poll(urls).toEqual(['/1', '/2', '/3']);
    let body = '';
    started[2]!.response.req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    client.write('ee');
    await expect.poll(() => body).toBe('three');
    started[2]!.response.end();
  });

  it('are never started once the client has left', async () => {
    ask('/1', '/2');
    await expect.poll(urls).toEqual(['/1']);
    const closed = once(started[0]!.response, 'close');
    client.destroy();
    await closed;
    expect(urls()).toEqual(['/1']);
  });

  it('end the connection when a thousand of them wait', async () => {
    const closed = once(client, 'close');
    for (let n = 0; n < 1100; n++) ask(`/${n}`);
    await closed;
    expect(urls()).toEqual(['/0']);
  });
});
