import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningService } from '../harness/running-service.js';

/**
 * What fluent-bit 3 and Vector 0.4x put on the wire with the settings of docs/producers.md: their documented headers
 * and records, byte by byte, over connections that they use again.
 */
let service: RunningService;

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory' });
});
afterAll(() => service.stop());

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** Sends requests over one connection, each once the one before is answered. @returns the status lines */
async function overOneConnection(requests: readonly Sent[]): Promise<string[]> {
  const socket = connect(service.port, '127.0.0.1');
  const statuses: string[] = [];
  let received = '';
  let arrived = (): void => {};
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString();
    arrived();
  });
  await once(socket, 'connect');
  for (const { method, path, headers, body } of requests) {
    const lines = [`${method} ${path} HTTP/1.1`, ...headers, '', ''];
    socket.write(lines.join('\r\n'));
    // Large bodies follow in packets of their own.
    for (let at = 0; at < body.length; at += 1000) socket.write(body.subarray(at, at + 1000));
    while (!isWhole(received)) await new Promise<void>((resolve) => (arrived = resolve));
    statuses.push(received.slice(0, received.indexOf('\r\n')));
    received = '';
  }
  socket.destroy();
  return statuses;
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  const length = Number(/^content-length: (\d+)$/im.exec(answer)?.[1]);
  return end >= 0 && Buffer.byteLength(answer.slice(end + 4)) >= length;
}

async function log(id: string): Promise<Record<string, unknown>[]> {
  const { body } = await service.rest.get<{ events: { data: Record<string, unknown> }[] }>(
    `/api/operations/${id}/events?after_seq=1&limit=1000`,
  );
  return body.events.map(({ data }) => data);
}

describe('fluent-bit', () => {
  const request = (format: 'json_lines' | 'json', id: string, records: readonly object[]): Sent => {
    const texts = records.map((record) => JSON.stringify(record));
    const body = gzipSync(format === 'json' ? `[${texts.join(',')}]` : `${texts.join('\n')}\n`);
    return {
      method: 'POST',
      path: `/api/operations/${id}/lines?open=true&operation_type=logs`,
      headers: [
        `Host: 127.0.0.1:${service.port}`,
        `Content-Length: ${body.length}`,
        `Content-Type: ${format === 'json' ? 'application/json' : 'application/x-ndjson'}`,
        'Content-Encoding: gzip',
        'User-Agent: Fluent-Bit',
      ],
      body,
    };
  };
  /** The tail input has `log`, the systemd input the journal's own names. */
  const tailed = { date: 1764316800.123456, log: '10.0.0.7 - - "GET / HTTP/1.1" 200', stream: 'stdout' };
  const journal = {
    date: 1764316801.5,
    PRIORITY: '3',
    _SYSTEMD_UNIT: 'web.service',
    MESSAGE: 'worker died: \u00e4 \u{1F600}',
  };
  const metric = { date: 1764316802.25, cpu_p: 3.5, user_p: 1.0 };

  it.each(['json_lines', 'json'] as const)(
    'format %s, compressed, twice over one connection',
    async (format) => {
      const id = `fluent-${format}`;
      const chunks = [[tailed, journal], [metric]];
      const statuses = await overOneConnection(chunks.map((records) => request(format, id, records)));
      expect(statuses).toEqual(['HTTP/1.1 201 Created', 'HTTP/1.1 201 Created']);
      expect(await log(id)).toEqual([
        {
          level: 'info',
          message: tailed.log,
          details: { date: tailed.date, stream: 'stdout' },
        },
        {
          level: 'error',
          message: journal.MESSAGE,
          details: { date: journal.date, _SYSTEMD_UNIT: 'web.service' },
        },
        // Nothing in it is a text: the record is.
        { level: 'info', message: JSON.stringify(metric) },
      ]);
    },
  );
});

describe('Vector', () => {
  const request = (framing: 'newline_delimited' | 'comma_delimited', id: string, body: Buffer): Sent => ({
    method: 'PUT',
    path: `/api/operations/${id}/lines?open=true&operation_type=logs`,
    headers: [
      `content-type: ${framing === 'newline_delimited' ? 'application/x-ndjson' : 'application/json'}`,
      'content-encoding: gzip',
      'user-agent: Vector/0.43.1 (x86_64-unknown-linux-gnu e30bf1f 2024-12-10)',
      'accept-encoding: identity',
      `host: 127.0.0.1:${service.port}`,
      `content-length: ${body.length}`,
    ],
    body,
  });
  const records = Array.from({ length: 300 }, (_none, n) => ({
    file: '/var/log/app.log',
    host: 'box',
    message: `line ${n}`,
    source_type: 'file',
    timestamp: '2026-11-28T08:00:00.123456789Z',
    ...(n === 1 && { level: 'WARN', status: 9007199254740993n }),
  }));
  // Vector's integers have 64 bits.
  const encoded = records.map((record) =>
    JSON.stringify(record, (_name, value: unknown) => (typeof value === 'bigint' ? 'BIG' : value)).replace(
      '"BIG"',
      '9007199254740993',
    ),
  );

  it.each(['newline_delimited', 'comma_delimited'] as const)('framing %s, compressed', async (framing) => {
    const id = `vector-${framing}`;
    const text = framing === 'newline_delimited' ? `${encoded.join('\n')}\n` : `[${encoded.join(',')}]`;
    const sent = request(framing, id, gzipSync(text, { level: 6 }));
    expect(await overOneConnection([sent, sent])).toEqual(['HTTP/1.1 201 Created', 'HTTP/1.1 201 Created']);
    const recorded = await log(id);
    expect(recorded.map(({ message }) => message)).toEqual(
      [...records, ...records].map(({ message }) => message),
    );
    expect(recorded[0]).toEqual({
      level: 'info',
      message: 'line 0',
      details: {
        file: '/var/log/app.log',
        host: 'box',
        source_type: 'file',
        timestamp: '2026-11-28T08:00:00.123456789Z',
      },
    });
    expect(recorded[1]).toMatchObject({ level: 'warn' });
    const raw = await fetch(`${service.http}/api/operations/${id}/events?after_seq=2&limit=1`);
    expect(await raw.text()).toContain('"status":9007199254740993');
  });
});
