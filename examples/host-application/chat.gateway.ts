import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type WsResponse,
} from '@nestjs/websockets';
import { OperationsService } from 'opstream';
import type { WebSocket } from 'ws';

/** A gateway of the application's own, as Nest's documentation shows it; Opstream's sockets stand beside it. */
@WebSocketGateway({ path: '/chat' })
export class ChatGateway {
  constructor(private readonly operations: OperationsService) {}

  @SubscribeMessage('say')
  say(@MessageBody() text: string): WsResponse<string> {
    return { event: 'said', data: text };
  }

  /** Runs as an operation, which anyone may follow on Opstream's hub. */
  @SubscribeMessage('count')
  async count(@MessageBody() { id, to }: { id: string; to: number }, @ConnectedSocket() client: WebSocket) {
    const total = await this.operations.run('count', { operationId: id }, async (operation) => {
      for (let n = 1; n <= to; n++) await operation.progress(n / to, `Counted to ${n}`);
      return to;
    });
    client.send(JSON.stringify({ event: 'counted', data: total }));
  }
}
