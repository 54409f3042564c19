import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import { EventQueue } from './event-queue.js';
import type { HubConnection } from './hub-connection.js';
import type { GetOperationCommand, SubscribeCommand } from '../protocol/hub-commands.js';
import type { SubscribedAnswer } from '../protocol/hub-messages.js';
import {
  isFinalEvent,
  type HistoryLost,
  type HistoryTrimmed,
  type OperationEvent,
  type OperationSnapshot,
} from '../protocol/operation-events.js';

export type FollowedEvent = OperationEvent | HistoryTrimmed | HistoryLost;

/** Consecutive attempts to close a gap without progress before the log is considered broken. */
const MAX_RESYNCS = 3;

interface Follower {
  readonly queue: EventQueue<FollowedEvent>;
  readonly coalesce: boolean;
  /** The seq up to which this follower has everything. */
  last: number;
  /**
   * It takes nothing for now, because "now" is not yet known or its buffer was full. Afterwards it is served from the
   * log.
   */
  paused: boolean;
  /** A loss it has not been notified of, because it was paused. */
  owed: HistoryLost | undefined;
}

/**
 * One operation on one connection, and its followers there. The service holds one subscription per operation and
 * connection, so the feed subscribes from the lowest seq any follower needs; each takes what is new to it. Gaps,
 * reconnects and slow readers are repaired in one way: subscribe again from there.
 */
export class OperationFeed {
  readonly #followers = new Set<Follower>();
  /** Unanswered subscriptions: until then a gap is expected and filled by the replay. */
  #subscribing = 0;
  #resyncs = 0;
  /** Id of the log that the followers' places belong to, once known. */
  #log: string | undefined;

  /** @param onEmpty called when the last follower has left */
  constructor(
    private readonly connection: HubConnection,
    readonly operationId: string,
    private readonly onEmpty: () => void,
  ) {}

  /** @param afterSeq undefined for "from now on" */
  follow(afterSeq: number | undefined, coalesce: boolean, capacity: number): EventQueue<FollowedEvent> {
    const follower: Follower = {
      queue: new EventQueue<FollowedEvent>(capacity, {
        drained: () => this.#catchUp(follower),
        released: () => this.#leave(follower),
      }),
      coalesce,
      last: afterSeq ?? 0,
      paused: afterSeq === undefined,
      owed: undefined,
    };
    this.#followers.add(follower);
    if (follower.paused) void this.#findNow(follower);
    else this.subscribe();
    return follower.queue;
  }

  /** Subscribes from the lowest seq a follower needs; for the first time or again. */
  subscribe(): void {
    const reading = [...this.#followers].filter((follower) => !follower.paused);
    if (reading.length === 0 || !this.connection.isOpen) return;
    void this.#subscribe(reading);
  }

  accept(event: OperationEvent): void {
    for (const follower of this.#followers) this.#offer(follower, event);
  }

  trimmed(notice: HistoryTrimmed): void {
    const firstSeq = notice.data.first_seq;
    if (typeof firstSeq !== 'number') return this.#gone();
    for (const follower of this.#followers) {
      if (follower.paused || follower.last >= firstSeq - 1) continue;
      if (follower.queue.push(notice)) follower.last = firstSeq - 1;
      else this.#pause(follower);
    }
  }

  /** The service has another log than the one that was followed: followers are notified, and the rest is sent again. */
  lost(notice: HistoryLost): void {
    const kept = Number(notice.data.kept_through);
    this.#log = notice.data.log;
    for (const follower of this.#followers) {
      if (follower.last <= kept) continue;
      follower.last = kept;
      if (follower.paused || !follower.queue.push(notice)) {
        follower.owed = notice;
        this.#pause(follower);
      }
    }
  }

  /** The operation was removed. A follower without any of its events keeps waiting: it may be created again. */
  #gone(): void {
    const message = `There is no operation ${this.operationId} any more`;
    for (const follower of this.#followers) {
      if (follower.last > 0) follower.queue.end(new OpstreamClientError('operation_not_found', message));
    }
  }

  /** Ends every follower's loop with the error. */
  fail(error: Error): void {
    for (const follower of this.#followers) follower.queue.end(error);
  }

  end(): void {
    for (const follower of this.#followers) follower.queue.end();
  }

  get #look(): GetOperationCommand {
    return { command: 'get_operation', operation_id: this.operationId };
  }

  /** "Now" becomes a seq, so that everything after it survives a lost connection. */
  async #findNow(follower: Follower): Promise<void> {
    try {
      const { operation } = await this.connection.request(this.#look);
      follower.last = operation?.event_count ?? 0;
      this.#catchUp(follower);
    } catch (error) {
      follower.queue.end(error as Error);
    }
  }

  async #subscribe(reading: readonly Follower[]): Promise<void> {
    const command: SubscribeCommand = {
      command: 'subscribe',
      operation_id: this.operationId,
      after_seq: Math.min(...reading.map((follower) => follower.last)),
      // Whether everything delivered is in the service's log, also for those that wait for now.
      known_seq: Math.max(...[...this.#followers].map((follower) => follower.last)),
      log: this.#log,
      coalesce: reading.every((follower) => follower.coalesce),
    };
    const asked = new Map(reading.map((follower) => [follower, follower.last]));
    this.#subscribing++;
    try {
      // Both are sent at once: the second shows whether there is anything to wait for.
      const [subscribed, answer] = await Promise.all([
        this.connection.request(command, { resend: false }),
        this.connection.request(this.#look, { resend: false }),
      ]);
      const told = this.#takeLog(subscribed.data);
      this.#compareWith(answer.operation, asked, told);
    } catch (error) {
      // A lost connection does not count: its successor subscribes again.
      if (error instanceof OpstreamClientError && error.code !== CLIENT_ERROR.connectionLost)
        this.fail(error);
    } finally {
      this.#subscribing--;
    }
  }

  /** @returns whether the service itself reports losses: it names its log and was told which one is known here */
  #takeLog(data: SubscribedAnswer['data']): boolean {
    const told = this.#log !== undefined;
    // Until the notice of a loss arrives, the places here belong to the old log.
    if (data.history_lost !== true) this.#log = data.log;
    return told;
  }

  /**
   * Finds followers that wait for events that will never come.
   * @param told whether the service itself reports a shorter log
   * @param asked what each had when the service was asked; a live event may have brought it further
   */
  #compareWith(
    snapshot: OperationSnapshot | null,
    asked: ReadonlyMap<Follower, number>,
    told: boolean,
  ): void {
    const known = snapshot?.event_count ?? 0;
    for (const [follower, last] of asked) {
      // An operation that does not exist yet may still be created; one that was removed is gone.
      if (last > known) {
        if (told && snapshot) continue;
        const message = snapshot
          ? `The service has ${known} events of ${this.operationId}, but ${last} were delivered before`
          : `There is no operation ${this.operationId} any more`;
        follower.queue.end(
          new OpstreamClientError(snapshot ? 'history_lost' : 'operation_not_found', message),
        );
      } else if (snapshot !== null && snapshot.ended_at !== null && follower.last >= known) {
        follower.queue.end();
      }
    }
  }

  #offer(follower: Follower, event: OperationEvent): void {
    if (follower.paused || event.seq <= follower.last) return;
    if (event.seq > follower.last + 1 && !follower.coalesce) return this.#gap();
    if (!follower.queue.push(event)) return this.#pause(follower);
    follower.last = event.seq;
    this.#resyncs = 0;
    if (isFinalEvent(event)) follower.queue.end();
  }

  #gap(): void {
    if (this.#subscribing > 0) return;
    if (++this.#resyncs > MAX_RESYNCS) {
      this.fail(new OpstreamClientError('history_lost', `Events of ${this.operationId} are missing`));
    } else {
      this.subscribe();
    }
  }

  #pause(follower: Follower): void {
    follower.paused = true;
    const allPaused = [...this.#followers].every((other) => other.paused);
    if (allPaused) this.#unsubscribe();
  }

  #catchUp(follower: Follower): void {
    if (!follower.paused) return;
    if (follower.owed) {
      const { owed } = follower;
      follower.owed = undefined;
      follower.queue.push(owed);
    }
    follower.paused = false;
    this.subscribe();
  }

  #leave(follower: Follower): void {
    if (!this.#followers.delete(follower) || this.#followers.size > 0) return;
    this.#unsubscribe();
    this.onEmpty();
  }

  #unsubscribe(): void {
    if (!this.connection.isOpen) return;
    this.connection
      .request({ command: 'unsubscribe', operation_id: this.operationId }, { resend: false })
      // Nothing depends on the answer: without a connection there is no subscription either.
      .catch(() => {});
  }
}
