import type { OpenAPIObject } from '@nestjs/swagger';

const TAG = 'durable-streams';
const ANY_BYTES = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
const text = (description: string, maxLength = 256) => ({
  description,
  schema: { type: 'string', maxLength },
});
const fixed = (description: string) => ({ description, schema: { type: 'string', enum: ['true'] } });

const inHeader = (name: string, rest: object) => ({ name, in: 'header', ...rest }) as const;
const whole = (description: string) => ({
  description,
  schema: { type: 'string', pattern: '^(0|[1-9][0-9]{0,14})$' },
});

const NEXT_OFFSET = { 'Stream-Next-Offset': { ...text('Where to read or follow from next') } };
const CLOSED = { 'Stream-Closed': { ...fixed('Nothing comes after this offset') } };

const WRITER_HEADERS = [inHeader('Stream-Closed', fixed('Closes the stream, with or without content'))];

const PRODUCER_HEADERS = [
  inHeader('Stream-Seq', text('Must be greater than that of the last append')),
  inHeader('Producer-Id', text('With the two below: a repeated request is recorded once')),
  inHeader('Producer-Epoch', whole('Higher ones shut out lower ones')),
  inHeader('Producer-Seq', whole('0, 1, 2 … within the epoch')),
];

/** Adds the Durable Streams protocol, which is served beside the controllers, to the document. */
export function describeStreams(document: OpenAPIObject, root: string | undefined): OpenAPIObject {
  if (root === undefined) return document;
  const path = {
    name: 'path',
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1, maxLength: 1024 },
  };
  const failure = { default: document.paths['/api/operations']?.get?.responses?.default };
  const tags = [TAG];
  const answers = (known: object) => ({ ...known, ...(failure.default && failure) });
  document.tags?.push({ name: TAG, description: 'Durable Streams: append-only streams that readers resume' });
  document.paths[`${root}/{path}`] = {
    put: {
      tags,
      operationId: 'create_stream',
      summary: 'Create a stream, or confirm that it exists as requested',
      parameters: [
        path,
        inHeader('Stream-TTL', whole('Seconds without a read or write after which it is gone')),
        inHeader('Stream-Expires-At', text('RFC 3339')),
        inHeader('Stream-Forked-From', text('Path of a stream whose content it begins with', 4096)),
        inHeader('Stream-Fork-Offset', text('Up to here; its end by default')),
        inHeader('Stream-Fork-Sub-Offset', whole('And so many bytes or messages more')),
        inHeader('Stream-Public', fixed('Lets shared caches keep what is read')),
        inHeader('Opstream-Operation', fixed('Opens an operation beside it')),
        ...WRITER_HEADERS,
      ],
      requestBody: { required: false, content: ANY_BYTES },
      responses: answers({
        200: { description: 'It exists as requested', headers: { ...NEXT_OFFSET, ...CLOSED } },
        201: { description: 'Created', headers: { ...NEXT_OFFSET, ...CLOSED } },
      }),
    },
    post: {
      tags,
      operationId: 'append_to_stream',
      summary: 'Append to a stream, close it, or both',
      parameters: [path, ...WRITER_HEADERS, ...PRODUCER_HEADERS],
      requestBody: { required: false, content: ANY_BYTES },
      responses: answers({
        200: { description: 'Recorded, for a producer that numbers its requests', headers: NEXT_OFFSET },
        204: { description: 'Recorded, or recorded before', headers: { ...NEXT_OFFSET, ...CLOSED } },
      }),
    },
    get: {
      tags,
      operationId: 'read_stream',
      summary: 'Read a stream, wait for more, or follow it',
      parameters: [
        path,
        { name: 'offset', in: 'query', ...text('-1 (the beginning), now, or a Stream-Next-Offset') },
        { name: 'live', in: 'query', schema: { type: 'string', enum: ['long-poll', 'sse'] } },
        {
          name: 'cursor',
          in: 'query',
          description: 'The Stream-Cursor of the last answer; anything else counts as none',
          schema: { type: 'string' },
        },
      ],
      responses: answers({
        200: {
          description: 'Content; with live=sse, events `data` and `control`',
          headers: { ...NEXT_OFFSET, ...CLOSED },
          content: ANY_BYTES,
        },
        204: { description: 'Nothing came while waiting', headers: { ...NEXT_OFFSET, ...CLOSED } },
        304: { description: 'Nothing has changed since If-None-Match' },
      }),
    },
    head: {
      tags,
      operationId: 'describe_stream',
      parameters: [path],
      summary: 'Content type, end and lifetime of a stream',
      responses: answers({ 200: { description: 'It exists', headers: { ...NEXT_OFFSET, ...CLOSED } } }),
    },
    delete: {
      tags,
      operationId: 'delete_stream',
      parameters: [path],
      summary: 'Delete a stream',
      responses: answers({ 204: { description: 'Deleted' } }),
    },
  } as unknown as OpenAPIObject['paths'][string];
  return document;
}
