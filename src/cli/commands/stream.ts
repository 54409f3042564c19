import { Command } from 'commander';
import { DurableStream, type StreamChunk, type StreamPlace } from '../../client/index.js';
import { restClient, wholeNumber, withConnection, type ConnectionOptions } from '../connection-options.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../interrupt.js';
import { output } from '../terminal/output.js';

interface CreateOptions extends ConnectionOptions {
  readonly contentType: string;
  readonly ttl?: number;
  readonly operation?: boolean;
  readonly public?: boolean;
}

interface OffsetOption extends ConnectionOptions {
  readonly offset: string;
}

export function streamCommand(): Command {
  return new Command('stream')
    .description('Durable Streams: append-only streams that readers resume')
    .addCommand(create())
    .addCommand(append())
    .addCommand(read())
    .addCommand(follow())
    .addCommand(close());
}

function create(): Command {
  return withConnection(new Command('create'))
    .description('create a stream, or confirm that it exists just so')
    .argument('<path>', 'like chat/42')
    .option('--content-type <type>', 'application/json holds messages', 'text/plain')
    .option('--ttl <seconds>', 'remove it when nobody reads or writes for so long', wholeNumber(0))
    .option('--operation', 'open an operation beside it, and print its id')
    .option('--public', 'let shared caches keep what is read')
    .action(
      async (
        path: string,
        { contentType, ttl, operation, public: isPublic, ...connection }: CreateOptions,
      ) => {
        const info = await streamAt(connection, path).create({
          contentType,
          ...(ttl !== undefined && { ttlSeconds: ttl }),
          ...(operation && { operation }),
          ...(isPublic && { isPublic }),
        });
        if (operation) await output.write(`${info.operationId ?? ''}\n`);
      },
    );
}

function append(): Command {
  return withConnection(new Command('append'))
    .description('append a text, or what comes on standard input; prints the new end')
    .argument('<path>')
    .argument('[text]', 'for a JSON stream, a message as JSON')
    .option('--close', 'close the stream behind it')
    .action(
      async (path: string, text: string | undefined, options: ConnectionOptions & { close?: boolean }) => {
        const { close: closes, ...connection } = options;
        const stream = streamAt(connection, path);
        let place: StreamPlace | undefined;
        if (text !== undefined) place = await stream[closes ? 'close' : 'append'](Buffer.from(text));
        else {
          const { contentType } = await stream.info();
          const parts = isJson(contentType) ? lines(process.stdin) : (process.stdin as AsyncIterable<Buffer>);
          for await (const part of parts) place = await stream.append(part);
          if (closes) place = await stream.close();
        }
        if (place) await output.write(`${place.offset}\n`);
      },
    );
}

function read(): Command {
  return withConnection(new Command('read'))
    .description('print what is there')
    .argument('<path>')
    .option('--offset <offset>', '-1 is the beginning; or an offset that append printed', '-1')
    .action(async (path: string, { offset, ...connection }: OffsetOption) => {
      const stream = streamAt(connection, path);
      const { contentType } = await stream.info();
      for await (const chunk of stream.read(offset)) await print(chunk, contentType);
    });
}

function follow(): Command {
  return withConnection(new Command('follow'))
    .description('print what is there, then what comes, until the stream is closed')
    .argument('<path>', 'operations/<id> and sessions/<id> as well')
    .option('--offset <offset>', '-1 is the beginning, now the end', '-1')
    .action(async (path: string, { offset, ...connection }: OffsetOption) => {
      const stream = streamAt(connection, path);
      const { contentType } = await stream.info();
      process.exitCode = await untilInterrupted(async (signal) => {
        for await (const chunk of stream.follow({ offset, signal })) await print(chunk, contentType);
        return EXIT.ok;
      });
    });
}

function close(): Command {
  return withConnection(new Command('close'))
    .description('close a stream: nothing can be appended any more')
    .argument('<path>')
    .action(async (path: string, connection: ConnectionOptions) => {
      await streamAt(connection, path).close();
    });
}

const streamAt = (connection: ConnectionOptions, path: string): DurableStream =>
  new DurableStream(restClient(connection), path);

const isJson = (contentType: string): boolean => contentType.toLowerCase().startsWith('application/json');

/** One message a line; everything else byte for byte. */
async function print(chunk: StreamChunk, contentType: string): Promise<void> {
  if (!isJson(contentType)) await output.write(Buffer.from(chunk.bytes));
  else for (const message of chunk.messages) await output.write(`${JSON.stringify(message)}\n`);
}

/** Lines that hold something. */
async function* lines(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let rest = Buffer.alloc(0);
  for await (const chunk of input) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end);
      rest = rest.subarray(end + 1);
      if (line.toString().trim() !== '') yield line;
    }
  }
  if (rest.toString().trim() !== '') yield rest;
}
