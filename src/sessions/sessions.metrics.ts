import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { BridgeClient } from './bridge/bridge-client.service.js';
import { SessionSubscriptions } from './delivery/session-subscriptions.service.js';
import { SessionBus } from './session-bus.js';
import { SessionStore } from './session-store.js';

/** Metrics of sessions, read when they are scraped; messages are counted as they are added. */
@Injectable()
export class SessionMetrics {
  constructor(
    registry: Registry,
    store: SessionStore,
    bus: SessionBus,
    subscriptions: SessionSubscriptions,
    bridge: BridgeClient,
  ) {
    const registers = [registry];
    const stored = new Gauge({
      name: 'opstream_sessions',
      help: 'Stored sessions and messages of all tenants',
      registers,
      labelNames: ['what'],
      async collect() {
        const { sessions, messages } = await store.counts();
        stored.set({ what: 'sessions' }, sessions);
        stored.set({ what: 'messages' }, messages);
      },
    });
    const followers = new Gauge({
      name: 'opstream_session_followers',
      help: 'Sockets and event streams that follow a session',
      registers,
      labelNames: ['by'],
      collect() {
        followers.set({ by: 'socket' }, subscriptions.sockets);
        followers.set({ by: 'event_stream' }, subscriptions.count - subscriptions.sockets);
      },
    });
    const added = new Counter({
      name: 'opstream_session_messages_total',
      help: 'Messages added, by visibility',
      registers,
      labelNames: ['visibility'],
    });
    bus.messages$.subscribe((messages) => {
      for (const { visibility } of messages) added.inc({ visibility });
    });
    const bridged = new Counter({
      name: 'opstream_bridge_announcements_total',
      help: 'Announcements to BRIDGE_URL, by outcome',
      registers,
      labelNames: ['outcome'],
      collect() {
        bridged.reset();
        bridged.inc({ outcome: 'sent' }, bridge.sent);
        bridged.inc({ outcome: 'failed' }, bridge.failed);
      },
    });
  }
}
