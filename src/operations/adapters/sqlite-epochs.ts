import { randomInt } from 'node:crypto';
import type { LogEpoch, LogIdentity } from '../operation-store.js';
import type { SqliteSnapshots, TenantState } from './sqlite-snapshots.js';
import type { Statements } from './sqlite-statements.js';

/** Epochs kept per tenant; a position from before them is answered as lost. */
const KEPT_EPOCHS = 256;
/** Maximum jump of a new epoch's number: two logs continued from one backup never share one. */
const MAX_JUMP = 2 ** 24;

/**
 * The identity of the logs in one file. Every start begins an epoch: if something happened to the file in between (the
 * machine went down, the end of the write-ahead log was lost, a copy was put in its place), a position of before that
 * is not in this log any more lies above the head that the epoch began with, and shows.
 */
export class SqliteEpochs {
  private readonly uid: string;
  private readonly epoch: number;
  /** The number is in the file; on a full disk that waits for the first successful write. */
  private begun = false;

  constructor(private readonly sql: Statements) {
    const { uid, epoch } = sql.identity.get()!;
    this.uid = uid;
    this.epoch = epoch + 1 + randomInt(MAX_JUMP);
  }

  /** Writes the number of the epoch, within a transaction. */
  begin(): void {
    if (this.begun) return;
    this.sql.beginEpoch.run(this.epoch);
    this.begun = true;
  }

  /** Writes the number again: a write without effect. */
  touch(): void {
    this.sql.beginEpoch.run(this.epoch);
    this.begun = true;
  }

  /** After a rollback. */
  forget(): void {
    this.begun = this.sql.identity.get()!.epoch === this.epoch;
  }

  /** Before a tenant's first append of the epoch: records where it began. */
  record(tenant: TenantState): void {
    if (tenant.epochRecorded) return;
    this.begin();
    this.sql.addEpoch.run(tenant.tenantNo, this.epoch, tenant.head);
    this.sql.pruneEpochs.run(tenant.tenantNo, tenant.tenantNo, KEPT_EPOCHS);
    tenant.epochRecorded = true;
  }

  /** @param name of a tenant; it may have no log yet */
  of(snapshots: SqliteSnapshots, name: string): LogIdentity {
    const tenant = snapshots.tenant(name);
    const epochs = tenant ? (tenant.epochs ??= this.read(tenant)) : [{ epoch: this.epoch, from: 0 }];
    return { uid: this.uid, epochs };
  }

  private read(tenant: TenantState): readonly LogEpoch[] {
    const epochs = this.sql.epochs.all(tenant.tenantNo);
    if (epochs.at(-1)?.epoch !== this.epoch) epochs.push({ epoch: this.epoch, from: tenant.head });
    return epochs;
  }
}
