import { Injectable } from '@nestjs/common';
import type { SubscribeStreamCommand } from '../../client/protocol/hub-commands.js';
import type { Scope } from '../../auth/principal.js';
import { Configuration } from '../../config/configuration.js';
import type { JsonValue } from '../../platform/json.js';
import { OpstreamError, toOpstreamError } from '../../platform/errors/opstream-error.js';
import { answer, errorAnswer } from '../../streaming/commands/answer.js';
import { CommandExtensions } from '../../streaming/commands/command-extensions.js';
import type {
  CommandSession,
  HubCommandDefinition,
  Reply,
  Unchecked,
} from '../../streaming/commands/command-session.js';
import { followFrom } from '../follow-from.js';
import { streamPathOf } from '../http/stream-path.js';
import { startOf, type Start } from '../http/stream-reads.js';
import { StoredStreamReader } from '../stored-stream-reader.js';
import { StreamNamespaces } from '../stream-namespaces.js';
import type { StreamReader } from '../stream-reader.js';
import { StreamsService } from '../streams.service.js';
import { StreamHubFormat, streamGoneText } from './stream-hub-format.js';

interface UsedFormat {
  readonly format: StreamHubFormat;
  readers: number;
}

/** Streams over the hub's socket: `subscribe_stream` and `unsubscribe_stream`. */
@Injectable()
export class StreamCommands {
  /** One for each stream that is followed here, so that its messages are made once. */
  private readonly formats = new Map<string, UsedFormat>();

  constructor(
    private readonly streams: StreamsService,
    private readonly namespaces: StreamNamespaces,
    commands: CommandExtensions,
    configuration: Configuration,
  ) {
    if (configuration.streams.path === undefined) return;
    const subscribe: HubCommandDefinition<'subscribe_stream'> = {
      // Which one it is depends on the path.
      scope: null,
      run: (session, input, reply) => this.subscribe(session, input, reply),
    };
    const unsubscribe: HubCommandDefinition<'unsubscribe_stream'> = {
      scope: null,
      run: (session, input, reply) => {
        const path = pathOf(input);
        session.following.endOther(keyOf(path));
        reply.send(
          answer<'unsubscribe_stream'>(reply.requestId, {
            status: 'unsubscribed',
            event_type: 'unsubscribed',
            data: { path },
          }),
        );
      },
    };
    commands.register('subscribe_stream', subscribe);
    commands.register('unsubscribe_stream', unsubscribe);
  }

  private async subscribe(
    session: CommandSession,
    input: Unchecked<SubscribeStreamCommand>,
    reply: Reply,
  ): Promise<void> {
    const path = pathOf(input);
    const reader = this.readerFor(session, path);
    const { offset = '-1' } = input;
    if (typeof offset !== 'string') throw new OpstreamError('invalid_request', 'offset must be a string');
    const start = await startOf(reader, { offset });
    const { contentType, closed, tail } = start.view;
    session.following.makeRoom(keyOf(path));
    const isOver = closed && start.position >= tail;
    reply.send(
      answer<'subscribe_stream'>(reply.requestId, {
        status: 'subscribed',
        event_type: 'subscribed',
        data: { path, offset: start.offset, content_type: contentType, closed: isOver },
      }),
    );
    if (!isOver) await this.follow(session, path, reader, start);
  }

  private async follow(
    { connection, following }: CommandSession,
    path: string,
    reader: StreamReader,
    start: Start,
  ): Promise<void> {
    const key = keyOf(path);
    const [format, giveBack] = this.take(start, path);
    let isOver = false;
    const finish = (text?: string): void => {
      isOver = true;
      if (text !== undefined) connection.send(text);
      following.endOther(key);
    };
    try {
      const stop = await followFrom(reader, start, {
        format,
        sink: connection,
        onEnd: () => finish(),
        onGone: () => finish(streamGoneText(path)),
        onError: (thrown) => finish(errorAnswer(undefined, toOpstreamError(thrown))),
      });
      const end = (): void => {
        stop();
        giveBack();
      };
      following.addOther(key, { scope: this.scopeOf(path), end });
      // What was there already may have been all.
      if (isOver) following.endOther(key);
    } catch (thrown) {
      giveBack();
      throw thrown;
    }
  }

  /** @throws OpstreamError `forbidden` */
  private readerFor({ gate, connection, tenant }: CommandSession, path: string): StreamReader {
    const found = this.namespaces.find(path);
    gate.permit(this.scopeOf(path));
    return (
      found?.namespace.reader(connection.principal, found.id) ??
      new StoredStreamReader(this.streams, tenant, path)
    );
  }

  private scopeOf(path: string): Scope {
    return this.namespaces.find(path)?.namespace.scope ?? 'streams:read';
  }

  private take({ view }: Start, path: string): [format: StreamHubFormat, giveBack: () => void] {
    const key = `${view.tag} ${path}`;
    const used = this.formats.get(key) ?? { format: new StreamHubFormat(path, view.contentType), readers: 0 };
    this.formats.set(key, used);
    used.readers += 1;
    let isUsed = true;
    return [
      used.format,
      () => {
        if (!isUsed) return;
        isUsed = false;
        used.readers -= 1;
        if (used.readers === 0) this.formats.delete(key);
      },
    ];
  }
}

const keyOf = (path: string): string => `stream ${path}`;

/** @throws OpstreamError `invalid_request` */
function pathOf({ path }: { readonly path?: JsonValue }): string {
  const found =
    typeof path === 'string'
      ? streamPathOf(`/${path.split('/').map(encodeURIComponent).join('/')}`, '')
      : undefined;
  if (found === undefined) throw new OpstreamError('invalid_request', 'path must be the path of a stream');
  return found;
}
