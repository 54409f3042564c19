import { Injectable } from '@nestjs/common';
import {
  isHttp,
  PeerDialer,
  type ChannelEvents,
  type PeerChannel,
  type PeerTarget,
} from '../peer-channel.js';
import { HttpChannel } from './http-channel.js';
import { WebSocketChannel } from './websocket-channel.js';

/** Dials by the scheme of the address. */
@Injectable()
export class UrlDialer extends PeerDialer {
  override dial(target: PeerTarget, events: ChannelEvents, signal: AbortSignal): Promise<PeerChannel> {
    return isHttp(target.url)
      ? Promise.resolve(new HttpChannel(target, events))
      : WebSocketChannel.open(target, events, signal);
  }
}
