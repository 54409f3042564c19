import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RestClient, type OperationEvent } from '../../src/client/index.js';
import { ServiceProcess } from './service-process.js';

/** A service, a folder, and programs that `opstream run` records there. */
export class RecordedRuns {
  private ids = 0;
  readonly rest: RestClient;
  readonly folder = mkdtempSync(join(tmpdir(), 'opstream-run-'));

  private constructor(readonly service: ServiceProcess) {
    this.rest = new RestClient({ url: service.url });
  }

  static async start(): Promise<RecordedRuns> {
    return new RecordedRuns(await ServiceProcess.start());
  }

  async stop(): Promise<void> {
    await this.service.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  newId(): string {
    return `run-${++this.ids}`;
  }

  /** Arguments of `opstream` that record a command as this operation. */
  run(id: string, ...command: string[]): string[] {
    return ['run', '--url', this.service.url, '--operation-id', id, '--', ...command];
  }

  async log(id: string): Promise<OperationEvent[]> {
    return (await this.rest.getEvents(id, 0, 1000)).events;
  }

  /** Whether the operation is there and one of its messages contains the text. */
  async has(id: string, text: string): Promise<boolean> {
    const events = await this.log(id).catch(() => []);
    return messages(events).some((message) => message.includes(text));
  }
}

/** Level and text of the log events. */
export function messages(events: readonly OperationEvent[]): string[] {
  return events.flatMap((event) =>
    event.event_type === 'log' ? [`${event.data.level} ${event.data.message}`] : [],
  );
}
