/**
 * Shows what a Forge stream sends: `npm run forge:stream -- <attempt id | ws URL>`. With an attempt's id it opens the
 * diff of a real Forge at FORGE_URL; ends after ten seconds, whatever happens. Exit code 1 when it cannot connect.
 */
import { WebSocket } from 'ws';

const FORGE_URL = process.env.FORGE_URL || 'http://localhost:8887';
const SAFETY_TIMEOUT_MS = 10_000;
/** How long a server may take to answer a close frame, or to end an answer. */
const CLOSE_MS = 1000;

const [target] = process.argv.slice(2);
if (!target) {
  console.error('Usage: npm run forge:stream -- <attempt id | ws://host/path>');
  process.exit(2);
}
const url = /^wss?:/.test(target)
  ? target
  : `${FORGE_URL.replace(/^http/, 'ws').replace(/\/+$/, '')}/api/task-attempts/${encodeURIComponent(target)}/diff/ws`;

const socket = new WebSocket(url, {
  headers: { Origin: FORGE_URL, 'User-Agent': 'Genie-MCP-Test/1.0' },
});
process.exitCode = 1;
setTimeout(() => end(), SAFETY_TIMEOUT_MS).unref();

/** In order where the server plays along, and in any case. */
function end() {
  socket.close();
  setTimeout(() => process.exit(), CLOSE_MS).unref();
}

socket.on('open', () => {
  process.exitCode = 0;
  console.log('✅ Connected', url);
});
socket.on('message', (/** @type {Buffer} */ data) => console.log('📨', data.toString()));
socket.on('error', (error) => console.error('❌', error.message));
socket.on('close', (code, reason) => {
  console.log('🔌 Closed', code, reason.toString());
  process.exit();
});
socket.on('unexpected-response', (_request, response) => {
  console.error(`HTTP ${response.statusCode}: ${response.statusMessage}`);
  let body = '';
  response.on('data', (chunk) => (body += chunk.toString()));
  // The connection may be kept open behind the answer, and the answer may never end.
  const refused = () => {
    if (body !== '') console.error(body);
    process.exit(1);
  };
  response.on('end', refused);
  response.on('close', refused);
  setTimeout(refused, SAFETY_TIMEOUT_MS - CLOSE_MS);
});
