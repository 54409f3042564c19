import type { OperationKey } from './operation-key.js';
import { Injectable } from '@nestjs/common';
import { currentToken, parseLogToken, sharedThrough, type LogToken } from './log-token.js';
import { OperationStore } from './operation-store.js';
import type { Operation } from './operation.js';

/** Reads as little as possible: one event, or only the head of the log. */
const ONE = { limit: 1, maxBytes: 1 };

/** A validated place in a log. */
export interface CheckedPlace {
  /** Where to continue: the requested place, or the last valid one. */
  readonly after: number;
  /** The reader's events after `after` are not in this log. */
  readonly lost: boolean;
  /** Id of the current log. */
  readonly log: string;
}

/** Identifies logs, and decides whether a remembered place belongs to the current one. */
@Injectable()
export class LogPlaces {
  constructor(private readonly store: OperationStore) {}

  /** Id of a tenant's log. */
  async tokenOf(tenant: string): Promise<string> {
    return currentToken(await this.store.logIdentity(tenant));
  }

  /** Id of an operation's log. */
  async tokenOfOperation({ tenant, number }: Operation): Promise<string> {
    return currentToken(await this.store.logIdentity(tenant), number);
  }

  /**
   * Validates a place in a tenant's log.
   * @param log the token sent with it; without one, only numbers can be compared
   * @throws OpstreamError `invalid_cursor`
   */
  async check(tenant: string, after: number, log: unknown): Promise<CheckedPlace> {
    const token = parseLogToken(log);
    const identity = await this.store.logIdentity(tenant);
    const current = currentToken(identity);
    if (token === undefined) return { after, lost: false, log: current };
    const { head } = await this.store.readTenant(tenant, Number.MAX_SAFE_INTEGER, ONE);
    const kept = Math.min(head, sharedThrough(identity, token));
    return { after: Math.min(after, kept), lost: after > kept, log: current };
  }

  /**
   * Validates a place in an operation's log. Without a token, only a place beyond the end is recognized as another
   * log's.
   * @param known the newest seq the reader has, when it wants to continue before that
   * @throws OpstreamError `invalid_cursor`
   */
  async checkOperation(
    { tenant, operationId }: OperationKey,
    after: number,
    log: unknown,
    known = after,
  ): Promise<CheckedPlace> {
    const token = parseLogToken(log);
    const identity = await this.store.logIdentity(tenant);
    const operation = await this.store.get({ tenant, operationId });
    const current = currentToken(identity, operation?.number);
    // The reader reports an operation that does not exist.
    if (operation === null) return { after, lost: false, log: current };
    if (token === undefined) {
      // A place beyond the end belongs to another log, of which nothing is known to be the same.
      const isBeyond = Math.max(after, known) > operation.eventCount;
      return { after: isBeyond ? 0 : after, lost: isBeyond, log: current };
    }
    const kept = await this.keptThrough(operation, known, token, sharedThrough(identity, token));
    return { after: Math.min(after, kept), lost: known > kept, log: current };
  }

  private async keptThrough(
    operation: Operation,
    seq: number,
    token: LogToken,
    shared: number,
  ): Promise<number> {
    // A subscriber from before its creation has none of its events.
    if (token.operation === undefined) return seq === 0 ? 0 : Math.min(seq, operation.eventCount);
    if (token.operation !== operation.number || shared === 0) return 0;
    const newest = Math.min(seq, operation.eventCount);
    if (newest === 0 || shared === Infinity) return newest;
    if ((await this.positionAt(operation, newest)) <= shared) return newest;
    // The newest event recorded before the epoch began; positions increase from event to event.
    let low = 0;
    let high = newest;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((await this.positionAt(operation, middle)) <= shared) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The position of an event, or of the first stored one after it. */
  private async positionAt({ tenant, operationId }: Operation, seq: number): Promise<number> {
    const page = await this.store.readOperation({ tenant, operationId }, seq - 1, ONE);
    return page?.events[0]?.position ?? Infinity;
  }
}
