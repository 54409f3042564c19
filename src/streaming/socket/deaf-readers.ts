import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { Configuration } from '../../config/configuration.js';
import { OpenRequests } from '../../platform/lifecycle/open-requests.js';
import { bytesTaken } from './bytes-taken.js';
import { kernelQueue } from './kernel-queue.js';
import { type LivingReader, SignOfLife } from './sign-of-life.js';

/** Beats of half a heartbeat: two heartbeats. */
const PATIENCE = 4;

/** A connection with bytes of a response that its client has not taken. */
class UnreadConnection implements LivingReader {
  private readonly life = new SignOfLife(this);
  private silent = 0;

  constructor(private readonly socket: Socket) {}

  get bufferedBytes(): number {
    return this.socket.writableLength;
  }

  get takenBytes(): number {
    return bytesTaken(this.socket);
  }

  kernelQueue(): Promise<number | undefined> {
    return kernelQueue(this.socket);
  }

  /** @returns whether its client has taken nothing for so long that it must be looked at more closely */
  beat(): boolean {
    if (!this.life.shown) return ++this.silent >= PATIENCE;
    this.silent = 0;
    this.life.mark();
    return false;
  }

  isAlive(): Promise<boolean> {
    return this.life.look();
  }
}

/**
 * Disconnects HTTP clients that take none of a response for two heartbeats: of a page, a log, a
 * stream, a file. Only connections with bytes to take are looked at, so an answer that is still being worked out may
 * take any time.
 */
@Injectable()
export class DeafReaders implements BeforeApplicationShutdown {
  private readonly logger = new Logger('HTTP');
  private readonly beatMs: number;
  private timer: NodeJS.Timeout | undefined;
  private unread = new Map<Socket, UnreadConnection>();
  private isOurs: (request: IncomingMessage) => boolean = () => true;

  constructor(
    private readonly requests: OpenRequests,
    { streaming }: Configuration,
  ) {
    this.beatMs = streaming.heartbeatIntervalMs / 2;
  }

  /** @param isOurs a host application may let its own clients pause, e.g. a video player */
  watch(isOurs: (request: IncomingMessage) => boolean): void {
    this.isOurs = isOurs;
    this.timer ??= setInterval(() => this.beat(), this.beatMs).unref();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private beat(): void {
    const unread = new Map<Socket, UnreadConnection>();
    for (const { socket, request } of this.requests.unread()) {
      if (!this.isOurs(request)) continue;
      const connection = this.unread.get(socket) ?? new UnreadConnection(socket);
      unread.set(socket, connection);
      if (connection.beat()) void this.judge(connection, socket, request);
    }
    this.unread = unread;
  }

  private async judge(connection: UnreadConnection, socket: Socket, request: IncomingMessage): Promise<void> {
    if ((await connection.isAlive()) || socket.destroyed) return;
    const [path] = (request.url ?? '/').split('?', 1);
    this.logger.log({ event: 'http_reader_timeout', method: request.method, path });
    socket.destroy();
  }
}
