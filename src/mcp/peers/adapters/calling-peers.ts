import { Injectable } from '@nestjs/common';
import type { WebSocket } from 'ws';
import type { ChannelEvents, PeerChannel, PeerTarget } from '../peer-channel.js';
import { WebSocketChannel } from './websocket-channel.js';

/** 1008 of RFC 6455: the connection is refused, and an immediate retry would not help. */
const POLICY_VIOLATION = 1008;
const REPLACED = 'Another connection has taken the place of this one';

interface Place {
  /** Waits for the next socket. */
  waiting: ((socket: WebSocket) => void) | undefined;
  /** Arrived before anybody waited. */
  early: WebSocket | undefined;
  /** In use. */
  current: WebSocket | undefined;
}

/** Sockets of peers that dial in, by peer name; the newest connection of each counts. */
@Injectable()
export class CallingPeers {
  private readonly places = new Map<string, Place>();

  /** Hands over a socket that a peer opened. */
  arrived(name: string, socket: WebSocket): void {
    const place = this.place(name);
    place.early?.close(POLICY_VIOLATION, REPLACED);
    place.early = undefined;
    place.current?.close(POLICY_VIOLATION, REPLACED);
    if (place.waiting) return place.waiting(socket);
    // Until then, the peer's messages stay in the kernel.
    socket.pause();
    place.early = socket;
    socket.once('close', () => {
      if (place.early === socket) place.early = undefined;
    });
  }

  /** The peer's next connection. @throws Error when the signal aborts the wait */
  next(target: PeerTarget, events: ChannelEvents, signal: AbortSignal): Promise<PeerChannel> {
    const place = this.place(target.name);
    return new Promise((resolve, reject) => {
      const take = (socket: WebSocket): void => {
        place.waiting = undefined;
        place.early = undefined;
        place.current = socket;
        signal.removeEventListener('abort', stop);
        socket.once('close', () => {
          if (place.current === socket) place.current = undefined;
        });
        const channel = new WebSocketChannel(socket, target, events);
        socket.resume();
        resolve(channel);
      };
      const stop = (): void => {
        place.waiting = undefined;
        reject(new Error('The service is shutting down'));
      };
      if (place.early) return take(place.early);
      place.waiting = take;
      signal.addEventListener('abort', stop, { once: true });
    });
  }

  private place(name: string): Place {
    let place = this.places.get(name);
    if (!place) {
      place = { waiting: undefined, early: undefined, current: undefined };
      this.places.set(name, place);
    }
    return place;
  }
}
