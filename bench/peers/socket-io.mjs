// Socket.IO, broadcasting to a room over its WebSocket transport.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { serveCommands } from '../servers/commands.mjs';
import { sampleEvent } from '../servers/event-shape.mjs';

const http = createServer();
const io = new Server(http, { transports: ['websocket'], serveClient: false });
io.on('connection', (socket) => socket.join('bench'));
await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));

serveCommands(http.address().port, {
  seq: 0,
  publish(count, bytes) {
    for (let i = 0; i < count; i++) io.to('bench').emit('events', sampleEvent(++this.seq, bytes));
  },
});
