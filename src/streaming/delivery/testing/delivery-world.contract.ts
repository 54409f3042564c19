import { setImmediate as turn } from 'node:timers/promises';
import { LocalEventBus } from '../../../operations/adapters/local-event-bus.js';
import { MemoryOperationStore } from '../../../operations/adapters/memory-operation-store.js';
import type { RecordedEvent } from '../../../operations/operation-event.js';
import type { Retention } from '../../../operations/operation-store.js';
import { OperationsService } from '../../../operations/operations.service.js';
import { HIGH_WATER_BYTES, type Sink } from '../sink.js';
import type { Subscription } from '../subscription.js';
import { Subscriptions } from '../subscriptions.js';
import { WireFormat, type HistoryLost, type HistoryTrimmed } from '../wire-format.js';

/** The environment of the delivery tests: followers on sinks that stall, above a slow engine and a slow bus. */

export const TENANT = 'default';
export const OPERATIONS = ['a', 'b', 'c'];

export interface Line {
  operation?: string;
  seq?: number;
  position?: number;
  first?: number | null;
  lost?: number;
}

/** Events as JSON lines, so that a sink's content can be parsed. */
export class LineFormat extends WireFormat {
  protected encode(event: RecordedEvent): Buffer {
    return line({ operation: event.operationId, seq: event.seq, position: event.position });
  }

  notice({ first }: HistoryTrimmed): Buffer {
    return line({ first });
  }

  override lost({ keptThrough }: HistoryLost): Buffer {
    return line({ lost: keptThrough });
  }
}

export function line(content: Line): Buffer {
  return Buffer.from(`${JSON.stringify(content)}\n`);
}

export const format = new LineFormat('lines');

/** A sink whose reader the test stops and starts. */
export class TestSink implements Sink {
  open = true;
  readonly descriptor = -1;
  stalled = false;
  bufferedBytes = 0;
  most = 0;
  private text = '';
  private waiting: (() => void)[] = [];

  write(bytes: Buffer): void {
    this.text += bytes.toString();
    if (this.stalled) this.bufferedBytes += bytes.length;
    this.most = Math.max(this.most, this.bufferedBytes);
  }

  offer(bytes: Buffer): boolean {
    if (this.bufferedBytes > HIGH_WATER_BYTES) return false;
    this.write(bytes);
    return true;
  }

  onceDrained(callback: () => void): void {
    if (this.stalled) this.waiting.push(callback);
    else setImmediate(callback);
  }

  drain(): void {
    this.stalled = false;
    this.bufferedBytes = 0;
    for (const callback of this.waiting.splice(0)) setImmediate(callback);
  }

  get lines(): Line[] {
    return this.text
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => JSON.parse(text) as Line);
  }
}

/** A slow engine, like one behind a network: reads return some turns after they looked. */
export class DistantStore extends MemoryOperationStore {
  constructor(
    retention: Retention,
    private readonly delay: () => number,
  ) {
    super(retention);
  }

  override async readOperation(...parameters: Parameters<MemoryOperationStore['readOperation']>) {
    await turns(this.delay());
    const page = await super.readOperation(...parameters);
    await turns(this.delay());
    return page;
  }

  override async readTenant(...parameters: Parameters<MemoryOperationStore['readTenant']>) {
    await turns(this.delay());
    const page = await super.readTenant(...parameters);
    await turns(this.delay());
    return page;
  }
}

/** A bus that lags behind the log, in order, and sometimes repeats itself. */
export class DistantBus extends LocalEventBus {
  private last = Promise.resolve();
  /** Publishing waits for this, too. */
  gate: Promise<unknown> = Promise.resolve();

  constructor(private readonly delay: () => number) {
    super();
  }

  override publish(events: readonly RecordedEvent[]): void {
    const wait = this.delay();
    this.last = this.last.then(async () => {
      await turns(wait);
      await this.gate;
      super.publish(events);
      if (wait % 2 === 1) super.publish(events);
    });
  }
}

export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await turn();
}

/** @param delays how many turns of the event loop reads and the bus take, in rotation */
export async function createWorld(maxEventsPerOperation: number, delays: readonly number[] = [0]) {
  const retention = { maxOperations: 100, maxToolOperations: 100, maxEventsPerOperation, maxAge: 0 };
  let used = 0;
  const delay = () => delays[used++ % delays.length]!;
  const store = new DistantStore(retention, delay);
  const bus = new DistantBus(delay);
  const operations = new OperationsService(store, bus);
  const subscriptions = new Subscriptions(bus, store);
  for (const operationId of OPERATIONS)
    await operations.create(TENANT, { operationType: 'work', operationId });
  return { store, bus, operations, subscriptions };
}

export type World = Awaited<ReturnType<typeof createWorld>>;

/** One follower: what it asked for, and what it received before it last resumed. */
export class Follower {
  readonly sink = new TestSink();
  private subscription: Subscription | undefined;

  constructor(
    private readonly world: World,
    readonly operationId: string | null,
    readonly start: number,
  ) {
    this.follow(start);
  }

  /** Loses the connection and resumes after the last received event. */
  resume(): void {
    const last = this.sink.lines.findLast(({ seq }) => seq !== undefined);
    this.stop();
    this.follow((this.operationId === null ? last?.position : last?.seq) ?? this.start);
  }

  stop(): void {
    if (this.subscription) this.world.subscriptions.unsubscribe(this.subscription);
  }

  private follow(after: number): void {
    const topic = { tenant: TENANT, operationId: this.operationId };
    this.subscription = this.world.subscriptions.subscribe({ topic, format, sink: this.sink, after });
  }

  get live(): boolean {
    return this.subscription?.state === 'live';
  }
}
