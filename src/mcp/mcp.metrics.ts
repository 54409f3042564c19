import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { Peers } from './peers/peers.service.js';
import { McpSessions } from './session/mcp-sessions.service.js';

/** Metrics of MCP's sessions and peers, computed when scraped. */
@Injectable()
export class McpMetrics {
  constructor(registry: Registry, sessions: McpSessions, peers: Peers) {
    const registers = [registry];
    new Gauge({
      name: 'opstream_mcp_sessions',
      help: 'Open MCP sessions, by the transport that opened them and their revision',
      labelNames: ['transport', 'version'],
      registers,
      collect() {
        this.reset();
        for (const { transport, protocolVersion: version } of sessions.all()) {
          this.inc({ transport, version });
        }
      },
    });
    new Gauge({
      name: 'opstream_mcp_replay_characters',
      help: 'Characters that sessions keep for clients that lost their connection',
      registers,
      collect() {
        let characters = 0;
        for (const session of sessions.all()) characters += session.replayCharacters;
        this.set(characters);
      },
    });
    new Gauge({
      name: 'opstream_mcp_peers',
      help: 'MCP peers that this service dials, by state',
      labelNames: ['state'],
      registers,
      collect() {
        this.reset();
        for (const { state } of peers.list()) this.inc({ state });
      },
    });
    new Counter({
      name: 'opstream_mcp_peer_connections_total',
      help: 'Times a connection to a peer was made: all but the first of each are reconnections',
      registers,
      collect() {
        this.reset();
        this.inc(peers.connections);
      },
    });
    new Gauge({
      name: 'opstream_mcp_peer_requests_in_flight',
      help: 'Requests to peers that wait for their answer',
      registers,
      collect() {
        let waiting = 0;
        for (const { client } of peers.list()) waiting += client?.waiting ?? 0;
        this.set(waiting);
      },
    });
  }
}
