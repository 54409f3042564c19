import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Sink } from '../delivery/sink.js';
import { writeToAll } from '../delivery/write-to-all.js';
import { SocketDescriptor } from './socket-descriptor.js';

const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A socket as a connection offers it to deliveries; it never refuses. */
class SocketSink implements Sink {
  readonly open = true;
  private readonly direct: SocketDescriptor;

  constructor(private readonly socket: Socket) {
    this.direct = SocketDescriptor.of(socket)!;
  }

  get descriptor(): number {
    return this.direct.idle;
  }

  get bufferedBytes(): number {
    return this.socket.writableLength;
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  offer(bytes: Buffer): boolean {
    this.write(bytes);
    return true;
  }

  onceDrained(): void {}
}

/** Two ends of a connection; the reading one is paused. */
async function pair(): Promise<{ writer: Socket; reader: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const writer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [reader] = (await once(server, 'connection')) as [Socket];
  if (writer.connecting) await once(writer, 'connect');
  server.close();
  sockets.push(writer, reader);
  return { writer, reader };
}

describe('writing past the stream machinery', () => {
  it('keeps every byte in order when the kernel takes a part, nothing, and everything again', async () => {
    const { writer, reader } = await pair();
    const sink = new SocketSink(writer);
    const sent = createHash('sha256');
    let total = 0;
    const writeSome = (size: number): void => {
      const bytes = Buffer.alloc(size, total % 251);
      sent.update(bytes);
      total += size;
      expect(writeToAll([{ sink }], bytes)).toEqual([]);
    };
    for (let count = 0; count < 400; count++) writeSome(100_003);
    expect(writer.writableLength).toBeGreaterThan(0);

    const received = createHash('sha256');
    let arrived = 0;
    const everything = new Promise<void>((resolve) => {
      reader.on('data', (chunk: Buffer) => {
        received.update(chunk);
        arrived += chunk.length;
        if (arrived === total + 300) resolve();
      });
    });
    reader.resume();
    while (writer.writableLength > 0) await once(writer, 'drain');
    const last = Buffer.alloc(300, 7);
    sent.update(last);
    writeToAll([{ sink }], last);
    expect(writer.writableLength).toBe(0);
    await everything;
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  it('reports a peer that is gone as the ordinary write does, and writes nothing to a destroyed socket', async () => {
    const { writer, reader } = await pair();
    const sink = new SocketSink(writer);
    const gone = new Promise((resolve) => writer.once('close', resolve));
    writer.on('error', () => {});
    reader.resetAndDestroy();
    while (!writer.destroyed) {
      writeToAll([{ sink }], Buffer.from('x'));
      await new Promise(setImmediate);
    }
    await gone;
    expect(sink.descriptor).toBe(-1);
    expect(SocketDescriptor.of(writer)).toBeUndefined();
  });
});
