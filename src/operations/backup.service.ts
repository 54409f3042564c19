import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Injectable, Logger } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { Configuration } from '../config/configuration.js';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { OperationStore, type BackupReport } from './operation-store.js';

export interface Backup extends BackupReport {
  readonly file: string;
  readonly path: string;
}

/** A file name, never a path: no separators, no hidden files, no traversal. */
export const BACKUP_FILE_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$';
const FILE = new RegExp(BACKUP_FILE_PATTERN);

/** Copies the store into the operator's backup folder, one copy at a time. */
@Injectable()
export class BackupService {
  private readonly logger = new Logger('Backup');
  private readonly folder: string;
  private readonly backups: Counter<'outcome'>;
  private readonly lastMade: Gauge;
  private running = false;

  constructor(
    private readonly operations: OperationStore,
    { store }: Configuration,
    registry: Registry,
  ) {
    this.folder = resolve(store.backupDir);
    const registers = [registry];
    this.backups = new Counter({
      name: 'opstream_backups_total',
      help: 'Copies of the store that were asked for over HTTP',
      labelNames: ['outcome'],
      registers,
    });
    this.lastMade = new Gauge({
      name: 'opstream_backup_timestamp_seconds',
      help: 'When the last copy was complete; 0 since the start without one',
      registers,
    });
  }

  /**
   * @param tenant whose mark is reported
   * @throws OpstreamError `invalid_request`, `backup_running`, `storage_full`, `store_unavailable`, `shutting_down`
   */
  async make(tenant: string, file = `opstream-${timestamp()}.db`): Promise<Backup> {
    if (!FILE.test(file) || file.endsWith('.partial')) {
      throw new OpstreamError('invalid_request', `file must be a name that fits ${BACKUP_FILE_PATTERN}`);
    }
    if (this.running) throw new OpstreamError('backup_running', 'One backup is made at a time');
    this.running = true;
    try {
      const backup = await this.copy(tenant, file);
      this.backups.inc({ outcome: 'made' });
      this.lastMade.setToCurrentTime();
      return backup;
    } catch (thrown) {
      this.backups.inc({ outcome: 'failed' });
      throw thrown;
    } finally {
      this.running = false;
    }
  }

  private async copy(tenant: string, file: string): Promise<Backup> {
    const path = join(this.folder, file);
    this.makeFolder();
    const report = await this.operations.backup(path, tenant);
    this.logger.log(`Copied the store to ${path} (${report.bytes} bytes)`);
    return { ...report, file, path };
  }

  private makeFolder(): void {
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      const message = `BACKUP_DIR=${this.folder} cannot be made`;
      throw new OpstreamError('store_unavailable', message, {}, { cause });
    }
  }
}

/** `20261128T110900Z`, which sorts by time. */
function timestamp(): string {
  return new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
}
