import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { deflatedTextFrame, SHARED_DEFLATE, splitFrames, textFrame } from './text-frame.js';

let server: WebSocketServer;
let client: WebSocket;
let serverSide: Socket;

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: SHARED_DEFLATE });
  await once(server, 'listening');
  client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [connection] = (await once(server, 'connection')) as [{ _socket: Socket }];
  serverSide = connection._socket;
  if (client.readyState !== WebSocket.OPEN) await once(client, 'open');
});

afterAll(() => {
  client.terminate();
  server.close();
});

/** What a client that negotiated the service's compression makes of the bytes. */
async function receive(bytes: Buffer, count: number): Promise<string[]> {
  const messages: string[] = [];
  const all = new Promise<void>((resolve) => {
    client.on('message', (data: Buffer) => {
      messages.push(data.toString());
      if (messages.length === count) resolve();
    });
  });
  serverSide.write(bytes);
  await all;
  client.removeAllListeners('message');
  return messages;
}

const texts = fc.array(
  fc.oneof(fc.string(), fc.string({ unit: 'grapheme', minLength: 100, maxLength: 400 })),
  {
    minLength: 1,
    maxLength: 8,
  },
);

describe('shared text frames', () => {
  it('arrive as the messages they were built from, plain or compressed, in any mixture', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.infiniteStream(fc.boolean()), async (messages, compress) => {
        const frames = messages.map((text) =>
          compress.next().value ? deflatedTextFrame(text) : textFrame(text),
        );
        expect(await receive(Buffer.concat(frames), frames.length)).toEqual(messages);
      }),
    );
  });

  it.each([0, 125, 126, 65_535, 65_536, 300_000])(
    'carry %i bytes with the right length field',
    async (length) => {
      const text = 'x'.repeat(length);
      expect(await receive(textFrame(text), 1)).toEqual([text]);
      expect(await receive(deflatedTextFrame(text), 1)).toEqual([text]);
    },
  );

  it('are smaller compressed, where that pays at all', () => {
    const text = JSON.stringify({
      event_type: 'log',
      data: { message: 'the same words, the same words, the same words' },
    });
    const long = text.repeat(4);
    expect(deflatedTextFrame(long).length).toBeLessThan(textFrame(long).length / 2);
    expect(deflatedTextFrame('short')).toEqual(textFrame('short'));
    const above = 1024;
    expect(deflatedTextFrame('x'.repeat(above), above)).toEqual(textFrame('x'.repeat(above)));
    expect(deflatedTextFrame('x'.repeat(above + 1), above)[0]).toBe(0xc1);
  });

  it('can be taken apart again where only whole messages can be sent', () => {
    const messages = ['', 'one', 'x'.repeat(200), 'y'.repeat(70_000)];
    const payloads = [...splitFrames(Buffer.concat(messages.map((text) => textFrame(text))))];
    expect(payloads.map(String)).toEqual(messages);
  });
});

it('an empty write behind buffered bytes calls back once those are taken, and also when the socket dies', async () => {
  const reader = createServer((socket) => socket.pause()).listen(0, '127.0.0.1');
  await once(reader, 'listening');
  const socket = connect((reader.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(Buffer.alloc(64 * 1024 * 1024));
  const drained = new Promise<void>((resolve) => socket.write('', () => resolve()));
  expect(socket.writableLength).toBeGreaterThan(0);
  socket.destroy();
  await drained;
  reader.close();
});
