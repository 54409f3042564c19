import type { OperationKey } from '../../operations/operation-key.js';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { EventBus } from '../../operations/event-bus.js';
import { isFinal } from '../../operations/operation-event.js';
import { OperationsService } from '../../operations/operations.service.js';
import { isActive } from '../../operations/operation.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { JsonObject } from '../../platform/json.js';
import { topicKey } from '../../streaming/delivery/operation-topic.js';
import { type CreateStream, StreamStore, type Written } from '../stream-store.js';
import { isJson, type StreamHead } from '../stream.js';
import { StreamsService } from '../streams.service.js';

/** The type of the operations that are opened beside streams. */
export const STREAM_OPERATION = 'durable_stream';
/** How often the progress of a stream that is written to is recorded. */
const REPORT_MS = 1000;

interface Tracked {
  head: StreamHead;
  reportedBytes: number;
  reportedAt: number;
}

/** Streams that are operations, too: both start together, and the end of one is the end of the other. */
@Injectable()
export class StreamOperations implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Streams');
  /** Open streams with an operation, by the operation's topic. */
  private readonly tracked = new Map<string, Tracked>();
  private readonly due = new Set<Tracked>();
  private readonly subscriptions: Subscription[] = [];
  private reporter: NodeJS.Timeout | undefined;

  constructor(
    private readonly streams: StreamsService,
    private readonly store: StreamStore,
    private readonly operations: OperationsService,
    private readonly bus: EventBus,
  ) {}

  /** What happened to one of the two while the service was away happens to the other now. */
  async onApplicationBootstrap(): Promise<void> {
    this.subscriptions.push(
      this.streams.written$.subscribe((written) => this.streamWritten(written)),
      this.streams.removed$.subscribe((head) => this.streamRemoved(head)),
      this.bus.events$.subscribe((events) => {
        for (const { tenant, operationId, type } of events)
          if (isFinal(type)) this.operationEnded(topicKey(tenant, operationId));
      }),
    );
    this.reporter = setInterval(() => this.report(), REPORT_MS).unref();
    for (const head of await this.store.openWithOperation()) await this.resume(head);
    for (const { tenant, operationId } of await this.operations.unfinished(STREAM_OPERATION)) {
      if (!this.tracked.has(topicKey(tenant, operationId))) await this.settle({ tenant, operationId });
    }
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.reporter);
    for (const subscription of this.subscriptions) subscription.unsubscribe();
  }

  /**
   * Creates a stream with its operation.
   * @throws OpstreamError the refusals of `StreamsService.write` and `OperationsService.create`; neither exists then
   */
  async create(command: CreateStream & { readonly operationId: string }): Promise<Written> {
    const written = await this.streams.write(command);
    if (written.outcome !== 'created') return written;
    try {
      await this.open(written.head);
    } catch (thrown) {
      await this.streams.write({ kind: 'remove', tenant: command.tenant, path: command.path });
      throw thrown;
    }
    if (written.head.closed) this.streamEnded(written.head);
    return written;
  }

  private async open(head: StreamHead): Promise<void> {
    const { tenant, path, contentType, operationId } = head;
    this.track(head);
    try {
      await this.operations.create(tenant, {
        operationType: STREAM_OPERATION,
        operationId,
        metadata: { path, content_type: contentType },
      });
    } catch (thrown) {
      this.forget(head);
      throw thrown;
    }
  }

  private async resume(head: StreamHead): Promise<void> {
    const operation = await this.operations.find({ tenant: head.tenant, operationId: head.operationId! });
    if (!operation) await this.open(head).catch((error: unknown) => this.failed(error));
    else if (isActive(operation)) this.track(head);
    else await this.close(head);
  }

  /** The operation runs, and no open stream has it. */
  private async settle({ tenant, operationId }: OperationKey): Promise<void> {
    const { operationType, metadata } = await this.operations.get({ tenant, operationId });
    if (operationType !== STREAM_OPERATION) return;
    const { path } = metadata;
    const head = typeof path === 'string' ? await this.store.find(tenant, path) : undefined;
    if (head?.operationId === operationId && head.closed && !head.deleted) this.streamEnded(head);
    else this.cancel({ tenant, operationId });
  }

  private track(head: StreamHead): void {
    const tracked = { head, reportedBytes: head.bytes, reportedAt: Date.now() };
    this.tracked.set(keyOf(head), tracked);
  }

  private forget(head: StreamHead): Tracked | undefined {
    const tracked = this.tracked.get(keyOf(head));
    this.tracked.delete(keyOf(head));
    if (tracked) this.due.delete(tracked);
    return tracked;
  }

  private streamWritten({ head, outcome }: Written): void {
    if (head.operationId === null || outcome !== 'appended') return;
    if (head.closed) {
      this.streamEnded(head);
      return;
    }
    const tracked = this.tracked.get(keyOf(head));
    if (!tracked) return;
    tracked.head = head;
    this.due.add(tracked);
  }

  /** A closed stream is complete, regardless of who closed it. */
  private streamEnded(head: StreamHead): void {
    this.forget(head);
    this.operations
      .result({ tenant: head.tenant, operationId: head.operationId! }, measuresOf(head))
      .catch((error: unknown) => this.failed(error));
  }

  private streamRemoved(head: StreamHead): void {
    const { tenant, operationId } = head;
    if (operationId !== null && this.forget(head)) this.cancel({ tenant, operationId });
  }

  private cancel(key: OperationKey): void {
    this.operations.cancel(key, 'The stream was removed').catch((error: unknown) => this.failed(error));
  }

  private operationEnded(key: string): void {
    const tracked = this.tracked.get(key);
    if (!tracked) return;
    this.forget(tracked.head);
    void this.close(tracked.head);
  }

  private async close({ tenant, path }: StreamHead): Promise<void> {
    const append = { contentType: null, length: 0, close: true, streamSeq: null, producer: null };
    await this.streams
      .write({ kind: 'append', tenant, path, append, pieces: [] })
      .catch((error: unknown) => this.failed(error));
  }

  private report(): void {
    const now = Date.now();
    for (const tracked of this.due) {
      const { head, reportedBytes, reportedAt } = tracked;
      const seconds = Math.max(0.001, (now - reportedAt) / 1000);
      const rate = Math.round((head.bytes - reportedBytes) / seconds);
      const details = { ...measuresOf(head), bytes_per_second: rate };
      this.operations
        .progress({ tenant: head.tenant, operationId: head.operationId! }, 0, `${head.bytes} bytes`, details)
        .catch((error: unknown) => this.failed(error));
      tracked.reportedBytes = head.bytes;
      tracked.reportedAt = now;
    }
    this.due.clear();
  }

  /** One that has ended, or gone, meanwhile has nothing left to be told. */
  private failed(error: unknown): void {
    const settled = [
      'operation_ended',
      'operation_not_found',
      'stream_not_found',
      'stream_gone',
      'stream_closed',
    ];
    if (error instanceof OpstreamError && settled.includes(error.code)) return;
    this.logger.warn({ event: 'stream_operation_failed', error });
  }
}

const keyOf = ({ tenant, operationId }: StreamHead): string => topicKey(tenant, operationId);

/** What a stream holds of its own; messages where it has such. */
function measuresOf({ contentType, bytes, tail, fork }: StreamHead): JsonObject {
  return { bytes, ...(isJson(contentType) && { messages: tail - (fork?.position ?? 0) }) };
}
