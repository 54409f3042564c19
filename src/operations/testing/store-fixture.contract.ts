import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { parseDraft } from '../operation-draft.js';
import type { RecordedEvent } from '../operation-event.js';
import type { OperationKey } from '../operation-key.js';
import type { NewOperation } from '../operation.js';
import type {
  ListQuery,
  LogPage,
  OperationStore,
  Recorded,
  Retention,
  StoreCommand,
  StoreOutcome,
} from '../operation-store.js';

/** How a specification opens the engine it tests. */
export interface StoreHarness {
  /** Opens a store on an engine that, being durable, keeps what earlier stores of this test wrote. */
  open(retention: Retention): Promise<OperationStore>;
  /** Frees what the test used; the stores are closed before. */
  cleanUp(): Promise<void>;
}

export const TENANT = 'default';
export const UNBOUNDED = { limit: 100_000, maxBytes: Number.MAX_SAFE_INTEGER };
const RETENTION: Retention = {
  maxOperations: 1000,
  maxToolOperations: 1000,
  maxEventsPerOperation: 100_000,
  maxAge: 0,
};

/** Unix seconds; every command comes a millisecond after the one before. */
export const clock = { now: 1_700_000_000 };

export type TestEvent = [type: string, data: object, eventId?: string];

export const opening = (
  operationId: string,
  operationType = 'build',
  metadata = {},
  tenant = TENANT,
  relations: Pick<NewOperation, 'parentOperationId' | 'createdBy'> = {},
): StoreCommand => ({
  kind: 'open',
  operation: { tenant, operationId, operationType, metadata, ...relations },
  at: (clock.now += 0.001),
});

export const recording = (
  operationId: string,
  events: readonly TestEvent[],
  tenant = TENANT,
): StoreCommand => ({
  kind: 'record',
  tenant,
  operationId,
  drafts: events.map(([type, data, eventId]) => parseDraft(type, data, eventId)),
  at: (clock.now += 0.001),
});

export const finish = (operationId: string, tenant = TENANT) =>
  recording(operationId, [['result', { result: operationId }]], tenant);

export const line = (message: string, eventId?: string): TestEvent => ['log', { message }, eventId];

/** The message of every log event, the type of every other. */
export const messages = (events: readonly RecordedEvent[]) =>
  events.map(({ type, data }) => (type === 'log' ? (JSON.parse(data) as { message: string }).message : type));

export const code = (outcome: StoreOutcome) => (outcome instanceof OpstreamError ? outcome.code : 'recorded');

/** A store with the short words the suite needs. */
export class StoreDriver {
  constructor(readonly port: OperationStore) {}

  /** Outcomes as they come, refusals among them. */
  run(...commands: StoreCommand[]): Promise<readonly StoreOutcome[]> {
    return this.port.append(commands);
  }

  /** Outcomes of commands of which none may be refused. */
  async done(...commands: StoreCommand[]): Promise<Recorded[]> {
    return (await this.port.append(commands)).map((outcome) => {
      if (outcome instanceof OpstreamError) throw outcome;
      return outcome;
    });
  }

  async log(operationId: string, afterSeq = 0, tenant = TENANT): Promise<LogPage> {
    return (await this.port.readOperation({ tenant, operationId }, afterSeq, UNBOUNDED))!;
  }

  whole(afterPosition = 0, tenant = TENANT): Promise<LogPage> {
    return this.port.readTenant(tenant, afterPosition, UNBOUNDED);
  }

  async ids(query: Partial<ListQuery> = {}, tenant = TENANT): Promise<string[]> {
    const { operations } = await this.port.list(tenant, { limit: 1000, ...query });
    return operations.map(({ operationId }) => operationId);
  }

  /** @returns a list that grows with every removal that is told */
  watchRemovals(): readonly OperationKey[] {
    const removed: OperationKey[] = [];
    this.port.onRemoved = (batch) => removed.push(...batch);
    return removed;
  }
}

/** One test's engine: opens stores on it, one after the other, and closes them. */
export class StoreFixture {
  private current: OperationStore | undefined;

  constructor(private readonly harness: StoreHarness) {}

  async open(retention: Partial<Retention> = {}): Promise<StoreDriver> {
    this.current = await this.harness.open({ ...RETENTION, ...retention });
    return new StoreDriver(this.current);
  }

  async reopen(retention: Partial<Retention> = {}): Promise<StoreDriver> {
    await this.current?.close();
    return this.open(retention);
  }

  async cleanUp(): Promise<void> {
    await this.current?.close();
    await this.harness.cleanUp();
  }
}
