// Plain `ws`, as its README broadcasts: one string, sent to every open client.
import { WebSocket, WebSocketServer } from 'ws';
import { serveCommands } from '../servers/commands.mjs';
import { sampleEvent } from '../servers/event-shape.mjs';

const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
wss.on('connection', (ws) => ws.on('error', console.error));
await new Promise((resolve) => wss.once('listening', resolve));

serveCommands(wss.address().port, {
  seq: 0,
  publish(count, bytes) {
    for (let i = 0; i < count; i++) {
      const data = JSON.stringify(sampleEvent(++this.seq, bytes));
      wss.clients.forEach((client) => {
        if (client.readyState === WebSocket.OPEN) client.send(data);
      });
    }
  },
});
