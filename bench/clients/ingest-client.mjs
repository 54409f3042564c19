// The producer, on a core of its own.
//
//   hub PORT CONNECTIONS WINDOW EVENTS     emits so many events, pipelined: WINDOW unacknowledged per connection
//   rest PORT CONNECTIONS BATCH EVENTS     POSTs them in batches, one at a time per connection
//
// Both check every acknowledgement: a missing, repeated or refused event fails the run.
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { answerLines } from '../harness/answer-lines.mjs';
import { MESSAGE, operationId } from '../servers/ingest-shape.mjs';

await answerLines({
  hub: (port, connections, window, events) =>
    together(Number(connections), Number(events), (n, quota) => hub(Number(port), n, Number(window), quota)),
  rest: (port, connections, batch, events) =>
    together(Number(connections), Number(events), (n, quota) => rest(Number(port), n, Number(batch), quota)),
});

async function together(connections, events, work) {
  const begin = performance.now();
  const quota = Math.ceil(events / connections);
  const counts = await Promise.all(Array.from({ length: connections }, (_, n) => work(n, quota)));
  return {
    events: counts.reduce((sum, count) => sum + count, 0),
    elapsed: (performance.now() - begin) / 1000,
  };
}

/** Speaks WebSocket by hand, with frames built once: the client must cost less than the server. */
async function hub(port, n, window, quota) {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  await once(socket, 'connect');
  socket.write(
    'GET /hub HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  const command = {
    command: 'emit',
    operation_id: operationId(n),
    event_type: 'log',
    data: { level: 'info', message: MESSAGE },
  };
  const frame = maskedFrame(JSON.stringify(command));
  const full = Buffer.concat(Array.from({ length: window }, () => frame));
  const frames = frameReader();
  let sent = 0;
  let acknowledged = 0;
  let lastSeq = 0;
  const send = () => {
    const free = window - (sent - acknowledged);
    const due = Math.min(free, quota - sent);
    // Half a window at a time, so that each write carries many.
    if (free < window / 2 || due === 0) return;
    socket.write(full.subarray(0, due * frame.length));
    sent += due;
  };
  for await (const chunk of socket) {
    for (const text of frames(chunk)) {
      if (text.startsWith('{"status":"recorded"')) {
        const seq = Number(/"seq":(\d+)/.exec(text)[1]);
        if (lastSeq !== 0 && seq !== lastSeq + 1) throw new Error(`seq ${seq} after ${lastSeq}`);
        lastSeq = seq;
        acknowledged += 1;
      } else if (!text.includes('"connected"')) {
        throw new Error(text);
      }
    }
    send();
    if (acknowledged === quota) break;
  }
  socket.destroy();
  if (acknowledged !== quota) throw new Error(`${quota - acknowledged} events were not acknowledged`);
  return acknowledged;
}

/** A client's frame with a mask of zeros, which leaves the payload as it is. */
function maskedFrame(text) {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = 0x81;
  header[1] = 0x80 | 126;
  header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}

/** Cuts a server's byte stream into the texts of its frames, after the answer to the upgrade. */
function frameReader() {
  let rest = Buffer.alloc(0);
  let upgraded = false;
  return function* (chunk) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (!upgraded) {
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!rest.toString('latin1', 0, 12).endsWith('101')) throw new Error(rest.toString());
      upgraded = true;
      rest = rest.subarray(end + 4);
    }
    while (rest.length >= 4) {
      const short = rest[1];
      const header = short < 126 ? 2 : 4;
      const length = short < 126 ? short : rest.readUInt16BE(2);
      if (rest.length < header + length) return;
      if (rest[0] === 0x81) yield rest.latin1Slice(header, header + length);
      rest = rest.subarray(header + length);
    }
  };
}

async function rest(port, n, batch, quota) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const event = { event_type: 'log', data: { level: 'info', message: MESSAGE } };
  const [path, body] =
    batch === 1
      ? [`/api/operations/${operationId(n)}/log`, JSON.stringify(event.data)]
      : [
          `/api/operations/${operationId(n)}/events`,
          JSON.stringify(Array.from({ length: batch }, () => event)),
        ];
  let events = 0;
  while (events < quota) {
    const answer = JSON.parse(await post({ port, path, agent }, body));
    const receipts = answer.receipts ?? [answer];
    if (receipts.length !== batch) throw new Error(`${receipts.length} receipts for ${batch} events`);
    events += batch;
  }
  agent.destroy();
  return events;
}

function post(options, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const outgoing = request({ host: '127.0.0.1', method: 'POST', headers, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () =>
        response.statusCode === 201 ? resolve(text) : reject(new Error(`${response.statusCode} ${text}`)),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
