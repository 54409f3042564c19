import type { FollowedEvent, OperationSnapshot } from '../client/index.js';
import { isFinalEvent } from '../client/index.js';
import type { RowState } from './terminal/progress-row.js';

/** Maximum operations in memory; the oldest are dropped first. */
const MAX_OPERATIONS = 1000;
/** Characters of an id that tell operations apart on screen. */
const SHORT_ID = 8;

interface Entry {
  operationType: string;
  progress: number;
  message: string;
  startedAt: number;
}

/** The active operations, folded from passing events, for a live display. */
export class OperationBoard {
  readonly #entries = new Map<string, Entry>();

  seed(snapshot: OperationSnapshot): void {
    if (snapshot.ended_at !== null) return;
    this.#set(snapshot.operation_id, {
      operationType: snapshot.operation_type,
      progress: snapshot.progress,
      message: snapshot.message,
      startedAt: snapshot.started_at,
    });
  }

  apply(event: FollowedEvent): void {
    if (event.event_type === 'history_trimmed' || event.event_type === 'history_lost') return;
    if (isFinalEvent(event)) {
      this.#entries.delete(event.operation_id);
      return;
    }
    const entry = this.#entries.get(event.operation_id) ?? {
      operationType: '',
      progress: 0,
      message: '',
      startedAt: event.timestamp,
    };
    if (event.event_type === 'progress') {
      entry.progress = event.data.progress;
      entry.message = event.data.message;
    } else if (event.event_type === 'status') {
      entry.operationType = event.data.operation_type ?? entry.operationType;
      entry.message = event.data.message ?? entry.message;
    }
    this.#set(event.operation_id, entry);
  }

  /** The name of an operation beside its events. */
  label(operationId: string): string {
    const short = operationId.slice(0, SHORT_ID);
    const type = this.#entries.get(operationId)?.operationType;
    return type ? `${short} ${type}` : short;
  }

  rows(): RowState[] {
    return [...this.#entries].map(([operationId, entry]) => ({ ...entry, label: this.label(operationId) }));
  }

  #set(operationId: string, entry: Entry): void {
    this.#entries.set(operationId, entry);
    if (this.#entries.size <= MAX_OPERATIONS) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
