import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { requireScope } from '../../auth/auth.guard.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { readBytes } from '../../rest/body/read-body.js';
import { piecesOfBytes, piecesOfMessages } from '../entry-data.js';
import { messagesOf } from '../json-messages.js';
import type { StreamOperations } from '../operations/stream-operations.service.js';
import type { Piece, Written } from '../stream-store.js';
import { offsetAt, type StreamsService } from '../streams.service.js';
import { isJson } from '../stream.js';
import { closes, forkOf, header, invalid, lifetimeOf, producerOf, streamSeqOf } from './stream-request.js';
import type { StreamCall } from './stream-call.js';
import { streamPathOf } from './stream-path.js';

/** Bytes of one body. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** `PUT`: creates a stream, or confirms that it is there as requested. */
export async function create(
  streams: StreamsService,
  operations: StreamOperations,
  call: StreamCall,
): Promise<void> {
  const { request, response, tenant, path, root } = call;
  const { headers } = request;
  const contentType = header(headers, 'content-type');
  const lifetime = lifetimeOf(headers);
  const fork = forkOf(
    headers,
    (address) => streamPathOf(address, root) ?? streamPathOf(`${root}/${address}`, root),
  );
  const body = await readBytes(request, MAX_BODY_BYTES);
  const operationId = opensOperation(call) ? randomUUID() : null;
  const command = {
    kind: 'create' as const,
    tenant,
    path,
    contentType,
    lifetime,
    closed: closes(headers),
    isPublic: header(headers, 'stream-public')?.trim().toLowerCase() === 'true',
    pieces: piecesOf(
      body,
      contentType ?? (fork ? await typeOfSource(streams, tenant, fork.sourcePath) : null),
    ),
    fork,
  };
  const { outcome, head } = await (operationId === null
    ? streams.write({ ...command, operationId })
    : operations.create({ ...command, operationId }));
  response.writeHead(outcome === 'created' ? 201 : 200, {
    ...(outcome === 'created' && { Location: addressOf(request) }),
    'Content-Type': head.contentType,
    'Stream-Next-Offset': offsetAt(head, head.tail),
    ...(head.closed && { 'Stream-Closed': 'true' }),
    ...(head.operationId !== null && { 'Opstream-Operation': head.operationId }),
    'Content-Length': 0,
  });
  response.end();
}

/** `POST`: appends, closes, or both. */
export async function append(streams: StreamsService, call: StreamCall): Promise<void> {
  const { request, response, tenant, path } = call;
  const { headers } = request;
  const close = closes(headers);
  const producer = producerOf(headers);
  const streamSeq = streamSeqOf(headers);
  const contentType = header(headers, 'content-type');
  const body = await readBytes(request, MAX_BODY_BYTES);
  const head = await streams.find(tenant, path);
  if (body.length === 0 && !close) throw invalid('The body is empty');
  if (body.length > 0 && contentType === null) throw invalid('Content-Type is missing');
  const isSameKind = contentType !== null && isJson(contentType) === isJson(head.contentType);
  // What is of another type is refused by the store, which knows whether the stream is closed.
  const pieces = body.length > 0 && isSameKind ? piecesOf(body, contentType) : piecesOfBytes(body);
  if (body.length > 0 && pieces.length === 0) throw invalid('An empty array appends nothing');
  try {
    const written = await streams.write({
      kind: 'append',
      tenant,
      path,
      append: { contentType, length: body.length, close, streamSeq, producer },
      pieces,
    });
    const { outcome, head: after } = written;
    // With a producer, 200 tells new data from a repeat.
    const isNewData = producer !== null && outcome === 'appended' && body.length > 0;
    response.writeHead(isNewData ? 200 : 204, {
      'Stream-Next-Offset': offsetAt(after, after.tail),
      ...(after.closed && { 'Stream-Closed': 'true' }),
      ...(producer && producerHeaders(producer.epoch, written)),
      ...(isNewData && { 'Content-Length': 0 }),
    });
    response.end();
  } catch (thrown) {
    throw await withPosition(streams, call, thrown);
  }
}

/** `DELETE` */
export async function remove(streams: StreamsService, { response, tenant, path }: StreamCall): Promise<void> {
  await streams.write({ kind: 'remove', tenant, path });
  response.writeHead(204).end();
}

/** @throws OpstreamError `forbidden` */
function opensOperation({ request, principal }: StreamCall): boolean {
  const wanted = header(request.headers, 'opstream-operation')?.trim().toLowerCase() === 'true';
  if (wanted) requireScope(principal, 'operations:write');
  return wanted;
}

function producerHeaders(epoch: number, { producerSeq }: Written): Record<string, string> {
  return {
    'Producer-Epoch': String(epoch),
    ...(producerSeq !== null && { 'Producer-Seq': String(producerSeq) }),
  };
}

function piecesOf(body: Buffer, contentType: string | null): readonly Piece[] {
  if (body.length === 0) return [];
  return contentType !== null && isJson(contentType)
    ? piecesOfMessages(messagesOf(body))
    : piecesOfBytes(body);
}

async function typeOfSource(streams: StreamsService, tenant: string, path: string): Promise<string | null> {
  return streams.find(tenant, path).then(
    ({ contentType }) => contentType,
    () => null,
  );
}

/** Adds the end of a closed stream to the refusal. */
async function withPosition(streams: StreamsService, call: StreamCall, thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof OpstreamError) || thrown.code !== 'stream_closed') return thrown;
  const head = await streams.find(call.tenant, call.path);
  return new OpstreamError('stream_closed', thrown.message, { next_offset: offsetAt(head, head.tail) });
}

function addressOf({ headers, url = '' }: IncomingMessage): string {
  return `http://${headers.host ?? 'localhost'}${url.split('?', 1)[0]!}`;
}
