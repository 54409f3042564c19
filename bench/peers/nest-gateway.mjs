// A stock Nest gateway on `WsAdapter`, as Nest's documentation sets one up: it reaches its clients through the server
// that `@WebSocketServer()` injects, with the `{event, data}` envelope of its adapter.
// (The decorators are called by hand, because this file is not compiled.)
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { serveCommands } from '../servers/commands.mjs';
import { sampleEvent } from '../servers/event-shape.mjs';

class EventsGateway {
  server;

  broadcast(event) {
    this.server.clients.forEach((client) => {
      client.send(JSON.stringify({ event: 'events', data: event }));
    });
  }
}
WebSocketServer()(EventsGateway.prototype, 'server');
WebSocketGateway()(EventsGateway);

class AppModule {}
Module({ providers: [EventsGateway] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');
const gateway = app.get(EventsGateway);

serveCommands(app.getHttpServer().address().port, {
  seq: 0,
  publish(count, bytes) {
    for (let i = 0; i < count; i++) gateway.broadcast(sampleEvent(++this.seq, bytes));
  },
});
