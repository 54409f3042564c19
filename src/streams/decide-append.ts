import { OpstreamError } from '../platform/errors/opstream-error.js';
import { mediaTypeOf, type ProducerSequence, type StreamHead } from './stream.js';

/** What a writer wants to add. */
export interface Append {
  /** Missing only where nothing is appended. */
  readonly contentType: string | null;
  /** Nothing in it: the stream is only closed. */
  readonly length: number;
  readonly close: boolean;
  /** The writer's own ordering over all producers of the stream. */
  readonly streamSeq: string | null;
  readonly producer: ProducerSequence | null;
}

/** What the store remembers of the stream's writers. */
export interface WriterState {
  readonly streamSeq: string | null;
  /** The newest request of the producer that asks. */
  readonly producer: Pick<ProducerSequence, 'epoch' | 'seq'> | null;
  readonly closedBy: ProducerSequence | null;
}

export type Decision = 'append' | 'duplicate';

/**
 * Decides one append in the precedence of section 5.2: closed, content type, producer, sequence.
 * @returns `duplicate` when the request was carried out before
 * @throws OpstreamError the refusal
 */
export function decideAppend(head: StreamHead, append: Append, writers: WriterState): Decision {
  if (head.closed) return decideOnClosed(append, writers);
  if (append.length > 0) checkContentType(head, append);
  if (append.producer && decideProducer(append.producer, writers.producer) === 'duplicate')
    return 'duplicate';
  checkStreamSeq(append.streamSeq, writers.streamSeq);
  return 'append';
}

function decideOnClosed({ producer, length, close }: Append, { closedBy }: WriterState): Decision {
  const isRepeated =
    producer !== null &&
    closedBy !== null &&
    producer.id === closedBy.id &&
    producer.epoch === closedBy.epoch &&
    producer.seq === closedBy.seq;
  const closesOnly = close && length === 0 && producer === null;
  if (isRepeated || closesOnly) return 'duplicate';
  throw new OpstreamError('stream_closed', 'The stream is closed');
}

function checkContentType({ contentType }: StreamHead, append: Append): void {
  if (append.contentType !== null && mediaTypeOf(append.contentType) === mediaTypeOf(contentType)) return;
  throw new OpstreamError('content_type_mismatch', `The stream's content type is ${contentType}`);
}

function decideProducer(request: ProducerSequence, known: WriterState['producer']): Decision {
  const { epoch, seq } = request;
  if (known && epoch < known.epoch) {
    throw new OpstreamError('stale_producer', `Producer ${request.id} has begun epoch ${known.epoch}`, {
      producer_epoch: known.epoch,
    });
  }
  if (known && epoch > known.epoch && seq !== 0)
    throw new OpstreamError('invalid_request', 'The first Producer-Seq of an epoch is 0');
  const last = known?.epoch === epoch ? known.seq : -1;
  if (seq <= last) return 'duplicate';
  if (seq === last + 1) return 'append';
  throw new OpstreamError('producer_gap', `Producer ${request.id} must go on with Producer-Seq ${last + 1}`, {
    expected_seq: last + 1,
    received_seq: seq,
  });
}

function checkStreamSeq(seq: string | null, last: string | null): void {
  if (seq === null || last === null || Buffer.compare(Buffer.from(seq), Buffer.from(last)) > 0) return;
  throw new OpstreamError('sequence_conflict', 'Stream-Seq must be greater than that of the last append');
}
