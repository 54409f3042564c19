import { Logger } from '@nestjs/common';
import { type OnGatewayConnection, type OnGatewayInit, WebSocketGateway } from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { echoedSubprotocol } from '../../../auth/credentials.js';
import { Configuration } from '../../../config/configuration.js';
import type { UpgradeRequest } from '../../../streaming/socket/upgrade-request.js';
import { protocolOn, type SocketServer } from '../../../streaming/upgrade/socket-server.js';
import { CallingPeers } from './calling-peers.js';
import { MAX_ANSWER_BYTES } from '../peer-channel.js';

const POLICY_VIOLATION = 1008;

/**
 * Where programs that serve tools dial in (`/mcp/peer/:name`): on their connection we are the client, as xiaozhi's
 * endpoint is. Only names of `MCP_PEERS` with `accept` are admitted.
 */
@WebSocketGateway(protocolOn('/mcp/peer/:name'))
export class PeerGateway implements OnGatewayInit, OnGatewayConnection {
  private readonly logger = new Logger('McpPeers');

  constructor(
    private readonly configuration: Configuration,
    private readonly callers: CallingPeers,
  ) {}

  afterInit(server: SocketServer): void {
    server.configure({
      maxPayload: MAX_ANSWER_BYTES,
      chooseProtocol: (offered) => echoedSubprotocol(offered, 'mcp'),
      admission: { tokenRequired: this.configuration.mcp.authRequired },
    });
  }

  handleConnection(socket: WebSocket, { params, principal, address }: UpgradeRequest): void {
    const name = params.name ?? '';
    const settings = this.configuration.mcp.peers.find((peer) => peer.accept && peer.name === name);
    const problem = !settings
      ? `MCP_PEERS has no peer "${name.slice(0, 40)}" with "accept": true`
      : !principal.scopes.has('mcp')
        ? 'Serving tools needs the scope mcp'
        : principal.tenant !== settings.tenant
          ? 'This peer belongs to another tenant'
          : undefined;
    if (problem === undefined) return this.callers.arrived(name, socket);
    this.logger.warn(
      { event: 'peer_refused', user: principal.userId, address, peer: name.slice(0, 40) },
      problem,
    );
    socket.close(POLICY_VIOLATION, problem.slice(0, 120));
  }
}
