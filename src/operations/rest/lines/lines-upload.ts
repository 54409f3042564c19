import { OpstreamError, toOpstreamError } from '../../../platform/errors/opstream-error.js';
import { attributed, isLonger, parseDraft, type EventDraft } from '../../operation-draft.js';
import type { Operation } from '../../operation.js';
import type { OperationsService } from '../../operations.service.js';
import { LineReader, type LineRecord } from './line-reader.js';
import { draftsOf } from './log-record.js';

/** Characters of `reason`, which stands in the address. */
export const MAX_REASON = 1000;

/** Events of one transaction. */
const MAX_APPEND = 1000;

export interface UploadTarget {
  readonly tenant: string;
  readonly operationId: string;
  /** Who cancels, when the upload does. */
  readonly user?: string | undefined;
}

/** Records an upload while it arrives. */
export class LinesUpload {
  private recorded = 0;

  constructor(
    private readonly operations: OperationsService,
    private readonly target: UploadTarget,
  ) {}

  /**
   * @param end how the operation ends after the upload, if it does
   * @returns the operation, and how many events were recorded
   * @throws OpstreamError the refusal, with `recorded`: how many events there are nevertheless
   */
  async run(
    chunks: AsyncIterable<Buffer>,
    mayBeForm: boolean,
    end: ((recorded: number) => EventDraft) | undefined,
  ): Promise<{ operation: Operation; recorded: number }> {
    const reader = new LineReader(mayBeForm);
    const { tenant, operationId, user } = this.target;
    try {
      try {
        for await (const chunk of chunks) await this.record(reader.push(chunk));
      } finally {
        // An upload that broke off keeps what came, the beginning of its last line included.
        await this.record(reader.end());
      }
      if (end) await this.operations.append({ tenant, operationId }, attributed(end(this.recorded), user));
    } catch (thrown) {
      const { code, message, extra } = toOpstreamError(thrown);
      if (code === 'internal') throw thrown;
      throw new OpstreamError(code, message, { ...extra, recorded: this.recorded }, { cause: thrown });
    }
    return { operation: await this.operations.get({ tenant, operationId }), recorded: this.recorded };
  }

  private async record(records: readonly LineRecord[]): Promise<void> {
    const { tenant, operationId, user } = this.target;
    const drafts = records
      .flatMap((record) => draftsOf(record, operationId))
      .map((draft) => attributed(draft, user));
    for (let at = 0; at < drafts.length; at += MAX_APPEND) {
      const some = drafts.slice(at, at + MAX_APPEND);
      await this.operations.appendAll({ tenant, operationId }, some);
      this.recorded += some.length;
    }
  }
}

/** The event that ends an operation after its upload. @throws OpstreamError `invalid_request` for another word */
export function endingOf(end: unknown, reason: unknown): ((recorded: number) => EventDraft) | undefined {
  const text = typeof reason === 'string' ? reason : undefined;
  if (text !== undefined && isLonger(text, MAX_REASON)) {
    throw new OpstreamError('invalid_request', `reason has more than ${MAX_REASON} characters`);
  }
  switch (end) {
    case undefined:
    case '':
      return undefined;
    case 'completed':
      return (lines) => parseDraft('result', { result: { lines } });
    case 'error':
      return () => parseDraft('error', { error: text ?? 'The program failed' });
    case 'cancelled':
      return () => parseDraft('cancelled', { reason: text });
    default:
      throw new OpstreamError('invalid_request', 'end must be completed, error or cancelled');
  }
}
