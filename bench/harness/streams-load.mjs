// Load on a Durable Streams server: plain HTTP/1.1 over kept connections, as little work of its own as possible.
import { connect } from 'node:net';
import { OtherLoad } from './machine.mjs';

const PAYLOAD = 200;
const HEADERS_END = Buffer.from('\r\n\r\n');

/** One kept connection: a request at a time. */
class Connection {
  #socket;
  #data = Buffer.alloc(0);
  #waiting = null;

  static async open(port) {
    const connection = new Connection();
    connection.#socket = connect(port, '127.0.0.1');
    connection.#socket.setNoDelay(true);
    await new Promise((resolve, reject) => connection.#socket.once('connect', resolve).once('error', reject));
    connection.#socket.on('data', (chunk) => connection.#take(chunk));
    connection.#socket.on('close', () => connection.#waiting?.reject(new Error('The connection was closed')));
    return connection;
  }

  /** @returns {Promise<{ status: number, headers: string, length: number }>} */
  ask(method, path, { headers = '', body = Buffer.alloc(0) } = {}) {
    const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n${headers}\r\n`;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(body.length > 0 ? Buffer.concat([Buffer.from(head), body]) : head);
    });
  }

  close() {
    this.#waiting = null;
    this.#socket.destroy();
  }

  #take(chunk) {
    this.#data = this.#data.length === 0 ? chunk : Buffer.concat([this.#data, chunk]);
    const end = this.#data.indexOf(HEADERS_END);
    if (end < 0 || !this.#waiting) return;
    const headers = this.#data.toString('latin1', 0, end);
    const status = Number(headers.slice(9, 12));
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(headers)?.[1] ?? 0);
    const isChunked = /\r\ntransfer-encoding: *chunked/i.test(headers);
    const size = end + 4 + length;
    if (
      isChunked && status !== 204
        ? !this.#data.subarray(-5).equals(Buffer.from('0\r\n\r\n'))
        : this.#data.length < size
    )
      return;
    const answer = { status, headers, length: isChunked ? this.#data.length - end : length };
    this.#data = Buffer.alloc(0);
    const { resolve } = this.#waiting;
    this.#waiting = null;
    resolve(answer);
  }
}

const JSON_TYPE = 'Content-Type: application/json\r\n';
let streams = 0;

async function createStream(connection) {
  const path = `/v1/stream/bench/${process.pid}-${streams++}`;
  const { status } = await connection.ask('PUT', path, { headers: JSON_TYPE });
  if (status !== 201) throw new Error(`PUT answered ${status}`);
  return path;
}

const message = (at = 0) => JSON.stringify({ at, pad: 'x'.repeat(PAYLOAD - 30) });

/** Messages acknowledged a second, and CPU microseconds of the server for each. */
export async function appends({ port, pid }, { connections, batch, seconds }) {
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(port)));
  const paths = await Promise.all(open.map((connection) => createStream(connection)));
  const body = Buffer.from(batch === 1 ? message() : `[${Array(batch).fill(message()).join(',')}]`);
  const run = async (until) => {
    let count = 0;
    await Promise.all(
      open.map(async (connection, index) => {
        while (performance.now() < until) {
          const { status } = await connection.ask('POST', paths[index], { headers: JSON_TYPE, body });
          if (status !== 204 && status !== 200) throw new Error(`POST answered ${status}`);
          count += batch;
        }
      }),
    );
    return count;
  };
  await run(performance.now() + 500);
  const began = performance.now();
  const cpu = OtherLoad.secondsOf(pid);
  const count = await run(began + seconds * 1000);
  const result = {
    rate: count / ((performance.now() - began) / 1000),
    cpu: ((OtherLoad.secondsOf(pid) - cpu) / count) * 1e6,
  };
  for (const connection of open) connection.close();
  return result;
}

/** Milliseconds to read a stream of `count` messages, chunk by chunk, and the server's CPU for it. */
export async function catchUp({ port, pid }, { count, times }) {
  const connection = await Connection.open(port);
  const path = await createStream(connection);
  const body = Buffer.from(`[${Array(1000).fill(message()).join(',')}]`);
  for (let sent = 0; sent < count; sent += 1000)
    await connection.ask('POST', path, { headers: JSON_TYPE, body });
  const read = async () => {
    for (let offset = '-1'; ;) {
      const { headers } = await connection.ask('GET', `${path}?offset=${offset}`);
      offset = /\r\nstream-next-offset: *(\S+)/i.exec(headers)[1];
      if (/\r\nstream-up-to-date: *true/i.test(headers)) return;
    }
  };
  await read();
  const began = performance.now();
  const cpu = OtherLoad.secondsOf(pid);
  for (let time = 0; time < times; time++) await read();
  const result = {
    ms: (performance.now() - began) / times,
    cpu: ((OtherLoad.secondsOf(pid) - cpu) / times) * 1000,
  };
  connection.close();
  return result;
}

/** Readers of event streams: latency of each delivery, the server's CPU, and its memory for each while nothing happens. */
export async function followers({ port, pid }, { readers, rate, seconds, memoryOf }) {
  const connection = await Connection.open(port);
  const path = await createStream(connection);
  await connection.ask('POST', path, { headers: JSON_TYPE, body: Buffer.from(message()) });
  const before = await memoryOf();
  const latencies = [];
  let measuring = false;
  let delivered = 0;
  const sockets = await Promise.all(
    Array.from({ length: readers }, () => {
      const socket = connect(port, '127.0.0.1');
      socket.write(`GET ${path}?offset=now&live=sse HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      return new Promise((resolve) => {
        socket.once('data', () => {
          socket.on('data', (chunk) => {
            // The last of the message times in the chunk; several leave together under load.
            const text = chunk.toString('latin1');
            for (let from = text.indexOf('"at":'); from >= 0; from = text.indexOf('"at":', from + 5)) {
              delivered += 1;
              if (measuring)
                latencies.push(performance.now() - Number.parseFloat(text.slice(from + 5, from + 25)));
            }
          });
          resolve(socket);
        });
      });
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const memory = ((await memoryOf()) - before) / readers;
  measuring = true;
  const began = performance.now();
  const cpu = OtherLoad.secondsOf(pid);
  let sent = 0;
  while (sent < rate * seconds) {
    const due = began + (sent * 1000) / rate;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    await connection.ask('POST', path, { headers: JSON_TYPE, body: Buffer.from(message(performance.now())) });
    sent += 1;
  }
  const isDone = () => delivered >= sent * readers || performance.now() > began + (seconds + 10) * 1000;
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 5));
  const elapsed = (performance.now() - began) / 1000;
  const cpuShare = (OtherLoad.secondsOf(pid) - cpu) / elapsed;
  for (const socket of sockets) socket.destroy();
  connection.close();
  latencies.sort((one, other) => one - other);
  return {
    memory,
    cpu: cpuShare,
    p99: latencies[Math.floor(latencies.length * 0.99)],
    p50: latencies[Math.floor(latencies.length / 2)],
    missing: sent * readers - delivered,
  };
}
