import { Injectable } from '@nestjs/common';
import {
  isHttp,
  PeerDialer,
  type ChannelEvents,
  type PeerChannel,
  type PeerTarget,
} from '../peer-channel.js';
import { CallingPeers } from './calling-peers.js';
import { HttpChannel } from './http-channel.js';
import { WebSocketChannel } from './websocket-channel.js';

/** Dials by the scheme of the URL; a peer without a URL dials in. */
@Injectable()
export class UrlDialer extends PeerDialer {
  constructor(private readonly callers: CallingPeers) {
    super();
  }

  override dial(target: PeerTarget, events: ChannelEvents, signal: AbortSignal): Promise<PeerChannel> {
    const { url } = target;
    if (url === undefined) return this.callers.next(target, events, signal);
    return isHttp(url)
      ? Promise.resolve(new HttpChannel({ ...target, url }, events, signal))
      : WebSocketChannel.open({ ...target, url }, events, signal);
  }
}
