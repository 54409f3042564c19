import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** Bits of the first byte beside FIN and opcode: 0x40 says compressed. */
  readonly rsv?: number;
  readonly masked?: boolean;
  /** What the header claims, in place of the payload's own length. */
  readonly claimedLength?: bigint;
}

/** One WebSocket frame (RFC 6455, section 5.2) exactly as told, right or wrong. */
export function frame(payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const { opcode = 1, fin = true, rsv = 0, masked = true } = options;
  const data = Buffer.from(payload);
  const length = options.claimedLength ?? BigInt(data.length);
  const maskBit = masked ? 0x80 : 0;
  let header: Buffer;
  if (length < 126n) header = Buffer.from([0, maskBit | Number(length)]);
  else if (length < 65_536n) {
    header = Buffer.from([0, maskBit | 126, 0, 0]);
    header.writeUInt16BE(Number(length), 2);
  } else {
    header = Buffer.alloc(10);
    header[1] = maskBit | 127;
    header.writeBigUInt64BE(length, 2);
  }
  header[0] = (fin ? 0x80 : 0) | rsv | opcode;
  if (!masked) return Buffer.concat([header, data]);
  const key = randomBytes(4);
  for (let index = 0; index < data.length; index += 1) data[index]! ^= key[index % 4]!;
  return Buffer.concat([header, key, data]);
}

/** The upgrade request of a client; `extensions` may offer compression. */
export function upgradeRequest(path: string, extensions?: string): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n' +
    (extensions === undefined ? '\r\n' : `Sec-WebSocket-Extensions: ${extensions}\r\n\r\n`)
  );
}

/** A TCP connection to the service that a test writes bytes to; errors are what it is for. */
export async function tcp(port: number): Promise<Socket> {
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A WebSocket by hand: upgraded, then whatever bytes a test likes. */
export class RawWebSocket {
  private received: Buffer = Buffer.alloc(0);
  readonly closed: Promise<unknown>;

  private constructor(
    readonly socket: Socket,
    /** The response to the upgrade. */
    readonly handshake: string,
    first: Buffer,
  ) {
    this.received = first;
    socket.on('data', (bytes: Buffer) => {
      // The end is enough: tests look at close frames and short answers.
      this.received = Buffer.concat([this.received, bytes]).subarray(-65_536);
    });
    this.closed = once(socket, 'close');
  }

  static async open(port: number, path: string, extensions?: string): Promise<RawWebSocket> {
    const socket = await tcp(port);
    socket.write(upgradeRequest(path, extensions));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    const text = answer.toString('latin1');
    if (!text.startsWith('HTTP/1.1 101')) throw new Error(text);
    const end = text.indexOf('\r\n\r\n') + 4;
    return new RawWebSocket(socket, text.slice(0, end), answer.subarray(end));
  }

  /** Resolves when the bytes are with the kernel, or the connection is gone. */
  async write(bytes: Buffer): Promise<void> {
    if (this.socket.destroyed || !this.socket.writable || this.socket.write(bytes)) return;
    await Promise.race([once(this.socket, 'drain'), this.closed]);
  }

  /** Resolves when these words have come, or the connection is gone. */
  async until(words: string): Promise<void> {
    const arrived = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!this.text.includes(words)) return;
        this.socket.off('data', look);
        resolve();
      };
      this.socket.on('data', look);
    });
    await Promise.race([arrived, this.closed]);
  }

  /** The last bytes that came, as text. */
  get text(): string {
    return this.received.toString('latin1');
  }

  /** The frames that have come whole: what is on the wire, compressed or not. */
  get frames(): { readonly compressed: boolean; readonly payload: Buffer }[] {
    const found = [];
    for (let at = 0; at + 2 <= this.received.length;) {
      const short = this.received[at + 1]! & 0x7f;
      const header = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (at + header > this.received.length) break;
      const length =
        header === 2
          ? short
          : header === 4
            ? this.received.readUInt16BE(at + 2)
            : Number(this.received.readBigUInt64BE(at + 2));
      if (at + header + length > this.received.length) break;
      const payload = this.received.subarray(at + header, at + header + length);
      found.push({ compressed: (this.received[at]! & 0x40) !== 0, payload });
      at += header + length;
    }
    return found;
  }

  /** The code of the close frame at the end of what came; undefined without one. */
  async closeCode(): Promise<number | undefined> {
    await this.closed;
    const at = this.received.lastIndexOf(0x88);
    return at < 0 || this.received.length < at + 4 ? undefined : this.received.readUInt16BE(at + 2);
  }
}
