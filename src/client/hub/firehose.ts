import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import { EventQueue } from './event-queue.js';
import { HubConnection, type HubConnectionOptions } from './hub-connection.js';
import type { FollowedEvent } from './operation-feed.js';
import type { SubscribeAllCommand } from '../protocol/hub-commands.js';
import { isHistoryLost, isHistoryTrimmed, isOperationEvent } from '../protocol/operation-events.js';

/**
 * The events of all operations, in order of position. It has a separate connection, because frames do not name their
 * subscription. A reader that falls behind drops the connection and reads the rest from the log.
 * @param after the `position` to continue after; by default, from now on
 */
export function firehose(
  options: HubConnectionOptions,
  after: string | undefined,
  capacity: number,
  onEnd: () => void,
): EventQueue<FollowedEvent> {
  const connection = new HubConnection(options);
  let position = after;
  /** Id of the log that the position belongs to. */
  let log: string | undefined;
  let lagging = false;
  const queue = new EventQueue<FollowedEvent>(capacity, {
    drained: () => {
      if (!lagging) return;
      lagging = false;
      connection.start();
    },
    released: () => {
      connection.close();
      onEnd();
    },
  });

  const deliver = (event: FollowedEvent): void => {
    if (lagging) return;
    if (!queue.push(event)) {
      lagging = true;
      connection.suspend();
    } else if (isOperationEvent(event)) {
      position = event.position;
    } else if (isHistoryLost(event)) {
      position = String(event.data.kept_through);
      log = event.data.log;
    }
  };

  const subscribe = async (): Promise<void> => {
    try {
      const command: SubscribeAllCommand = { command: 'subscribe_all', after: position, log };
      const { data } = await connection.request(command, { resend: false });
      // Position of "now", so that a connection lost before the first event leaves no gap.
      position ??= data.position;
      // A loss is reported by a notice that names the log: until it arrives, the position belongs to the old one.
      if (data.history_lost !== true) log = data.log;
    } catch (error) {
      if (error instanceof OpstreamClientError && error.code !== CLIENT_ERROR.connectionLost)
        queue.end(error);
    }
  };
  connection.on('connected', () => void subscribe());
  connection.on('frame', (frame) => {
    if (isOperationEvent(frame) || isHistoryTrimmed(frame) || isHistoryLost(frame)) deliver(frame);
  });
  connection.on('ended', (error) => queue.end(error.code === CLIENT_ERROR.closed ? undefined : error));
  connection.start();
  return queue;
}
