import { Command, Option } from 'commander';
import {
  LEVELS,
  type EventType,
  type Level,
  type LogOptions,
  type OperationEvent,
  type RestClient,
  type SearchedEventPage,
} from '../../client/index.js';
import { restClient, wholeNumber, withConnection, type ConnectionOptions } from '../connection-options.js';
import { fullId } from '../operation-id.js';
import { eventLine } from '../terminal/event-line.js';
import { output } from '../terminal/output.js';
import { printable } from '../terminal/printable.js';
import { plain, styleFor } from '../terminal/style.js';

interface LogsOptions extends ConnectionOptions {
  readonly afterSeq: number;
  readonly level?: Level;
  readonly grep?: string;
  readonly type?: readonly EventType[];
  readonly json?: boolean;
  readonly plain?: boolean;
  readonly raw?: boolean;
  readonly follow?: boolean;
  readonly timestamps?: 'utc' | 'elapsed' | true;
}

const TYPES: readonly string[] = ['progress', 'status', 'log', 'result', 'completed', 'error', 'cancelled'];
/** Events that one request looks for. */
const PAGE = 1000;

export function logsCommand(): Command {
  return withConnection(new Command('logs'))
    .description('print the events recorded so far, or the log as text')
    .argument('<operation-id>', 'operation id or unique prefix')
    .option('--after-seq <seq>', 'start after this event', wholeNumber(0), 0)
    .addOption(new Option('--level <level>', 'only log events of at least this level').choices(LEVELS))
    .option('--grep <text>', 'only what contains this text, in any case')
    .addOption(
      new Option('--type <types...>', 'only events of these types')
        .choices(TYPES)
        .conflicts(['raw', 'follow']),
    )
    .option('--raw', 'print the text of log events as it is, with colours on a terminal')
    .option('-f, --follow', 'the same, until the operation ends')
    .addOption(
      new Option('--timestamps [kind]', 'the same, with the time or the seconds since the start').choices([
        'utc',
        'elapsed',
      ]),
    )
    .option('--plain', 'print only the text of log events')
    .option('--json', 'one JSON event per line')
    .action(async (operationId: string, options: LogsOptions) => {
      const rest = restClient(options);
      const id = await fullId(rest, operationId);
      const isRaw = options.raw === true || options.follow === true || options.timestamps !== undefined;
      const lines = isRaw ? rawLines(rest, id, options) : recordedLines(rest, id, options);
      for await (const line of lines) {
        if (output.gone.aborted) return;
        await output.write(`${line}\n`);
      }
    });
}

/** The service's text of the log, or its JSON. */
async function* rawLines(rest: RestClient, id: string, options: LogsOptions): AsyncGenerator<string> {
  const { afterSeq, level, follow = false, json, grep } = options;
  const stopWatching = output.watchReader();
  const wanted: LogOptions = {
    afterSeq,
    follow,
    ...(level !== undefined && { level }),
    ...(options.timestamps !== undefined && {
      timestamps: options.timestamps === true ? 'utc' : options.timestamps,
    }),
    ansi: styleFor(output.stream) === plain ? 'strip' : 'keep',
    signal: output.gone,
  };
  const contains = (text: string) => grep === undefined || text.toLowerCase().includes(grep.toLowerCase());
  try {
    if (json) {
      for await (const event of rest.logEvents(id, wanted))
        if (event.event_type !== 'log' || contains(event.data.message)) yield JSON.stringify(event);
    } else {
      for await (const line of rest.log(id, wanted)) if (contains(line)) yield line;
    }
  } finally {
    stopWatching();
  }
}

async function* recordedLines(rest: RestClient, id: string, options: LogsOptions): AsyncGenerator<string> {
  const line = formatOf(options);
  for await (const event of recorded(rest, id, options)) {
    const text = line(event);
    if (text !== undefined) yield text;
  }
}

function formatOf({ json, plain: onlyText }: LogsOptions): (event: OperationEvent) => string | undefined {
  if (json) return (event) => JSON.stringify(event);
  if (onlyText) return (event) => (event.event_type === 'log' ? printable(event.data.message) : undefined);
  const style = styleFor(output.stream);
  return (event) => eventLine(event, style);
}

async function* recorded(rest: RestClient, id: string, options: LogsOptions): AsyncGenerator<OperationEvent> {
  const { level, grep: q, type: event_type } = options;
  const filter = {
    limit: PAGE,
    ...(level !== undefined && { level }),
    ...(q !== undefined && { q }),
    ...(event_type !== undefined && { event_type }),
  };
  let page: SearchedEventPage;
  let after = options.afterSeq;
  do {
    page = await rest.searchLog(id, { ...filter, after_seq: after });
    if (page.history_trimmed && after === options.afterSeq) {
      process.stderr.write(
        `opstream: earlier events are no longer kept; the log begins with ${page.first_seq}\n`,
      );
    }
    yield* page.events;
    after = page.searched_through;
  } while (page.has_more);
}
