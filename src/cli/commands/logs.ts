import { Command } from 'commander';
import type { OperationEvent, RestClient } from '../../client/index.js';
import { restClient, wholeNumber, withConnection, type ConnectionOptions } from '../connection-options.js';
import { fullId } from '../operation-id.js';
import { eventLine } from '../terminal/event-line.js';
import { output } from '../terminal/output.js';
import { printable } from '../terminal/printable.js';
import { styleFor } from '../terminal/style.js';

interface LogsOptions extends ConnectionOptions {
  readonly afterSeq: number;
  readonly json?: boolean;
  readonly plain?: boolean;
}

export function logsCommand(): Command {
  return withConnection(new Command('logs'))
    .description('print the events recorded so far; use `watch` to follow them live')
    .argument('<operation-id>', 'operation id or unique prefix')
    .option('--after-seq <seq>', 'start after this event', wholeNumber(0), 0)
    .option('--plain', 'print only the text of log events')
    .option('--json', 'one JSON event per line')
    .action(async (operationId: string, options: LogsOptions) => {
      const rest = restClient(options);
      const id = await fullId(rest, operationId);
      const line = formatOf(options);
      for await (const event of recorded(rest, id, options.afterSeq)) {
        if (output.gone.aborted) return;
        const text = line(event);
        if (text !== undefined) await output.write(`${text}\n`);
      }
    });
}

function formatOf({ json, plain }: LogsOptions): (event: OperationEvent) => string | undefined {
  if (json) return (event) => JSON.stringify(event);
  if (plain) return (event) => (event.event_type === 'log' ? printable(event.data.message) : undefined);
  const style = styleFor(output.stream);
  return (event) => eventLine(event, style);
}

async function* recorded(rest: RestClient, id: string, afterSeq: number): AsyncGenerator<OperationEvent> {
  for (let after = afterSeq; ;) {
    const page = await rest.getEvents(id, after, 1000);
    if (page.history_trimmed && after === afterSeq) {
      process.stderr.write(
        `opstream: earlier events are no longer kept; the log begins with ${page.first_seq}\n`,
      );
    }
    yield* page.events;
    const last = page.events.at(-1);
    if (!page.has_more || !last) return;
    after = last.seq;
  }
}
