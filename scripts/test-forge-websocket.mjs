/**
 * Shows what a Forge stream sends (document 000, part 8): `npm run forge:stream -- <attempt id | ws URL>`. With an
 * attempt's id it opens the diff of a real Forge at FORGE_URL; ends after ten seconds. Exit code 1 when it cannot
 * connect.
 */
import { WebSocket } from 'ws';

const FORGE_URL = process.env.FORGE_URL || 'http://localhost:8887';
const SAFETY_TIMEOUT_MS = 10_000;

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
const timeout = setTimeout(() => socket.close(), SAFETY_TIMEOUT_MS);

socket.on('open', () => {
  process.exitCode = 0;
  console.log('✅ Connected', url);
});
socket.on('message', (/** @type {Buffer} */ data) => console.log('📨', data.toString()));
socket.on('error', (error) => console.error('❌', error.message));
socket.on('close', (code, reason) => {
  clearTimeout(timeout);
  console.log('🔌 Closed', code, reason.toString());
});
socket.on('unexpected-response', (request, response) => {
  console.error(`HTTP ${response.statusCode}: ${response.statusMessage}`);
  let body = '';
  response.on('data', (chunk) => (body += chunk.toString()));
  response.on('end', () => {
    console.error(body);
    // Left to us with this listener; there is no socket that could close.
    clearTimeout(timeout);
    request.destroy();
  });
});
