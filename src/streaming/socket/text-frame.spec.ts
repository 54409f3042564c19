import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PerMessageDeflate, Receiver } from 'ws';
import { deflatedTextFrame, SHARED_DEFLATE, splitFrames, textFrame } from './text-frame.js';

/** Reads frames as a client that negotiated what the service offers does: the receiving half of `ws` itself. */
async function receive(bytes: Buffer): Promise<string[]> {
  const deflate = new PerMessageDeflate({ ...SHARED_DEFLATE, isServer: false });
  deflate.accept([{ server_no_context_takeover: [true], client_no_context_takeover: [true] }]);
  const receiver = new Receiver({ isServer: false, extensions: { 'permessage-deflate': deflate } });
  const messages: string[] = [];
  receiver.on('message', (data: Buffer) => messages.push(data.toString()));
  receiver.end(bytes);
  await once(receiver, 'finish');
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
        expect(await receive(Buffer.concat(frames))).toEqual(messages);
      }),
    );
  });

  it.each([0, 125, 126, 65_535, 65_536, 300_000])(
    'carry %i bytes with the right length field',
    async (length) => {
      const text = 'x'.repeat(length);
      expect(await receive(textFrame(text))).toEqual([text]);
      expect(await receive(deflatedTextFrame(text))).toEqual([text]);
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
  });

  it('can be taken apart again where only whole messages can be sent', () => {
    const messages = ['', 'one', 'x'.repeat(200), 'y'.repeat(70_000)];
    const payloads = [...splitFrames(Buffer.concat(messages.map(textFrame)))];
    expect(payloads.map(String)).toEqual(messages);
  });
});

it('an empty write behind buffered bytes calls back once those are taken, and also when the socket dies', async () => {
  const server = createServer((socket) => socket.pause()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(Buffer.alloc(64 * 1024 * 1024));
  const drained = new Promise<void>((resolve) => socket.write('', () => resolve()));
  expect(socket.writableLength).toBeGreaterThan(0);
  socket.destroy();
  await drained;
  server.close();
});
