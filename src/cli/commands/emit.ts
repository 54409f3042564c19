import { Command, InvalidArgumentError, Option } from 'commander';
import type { EventDraft, JsonObject, JsonValue, RestClient } from '../../client/index.js';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';
import { fullId } from '../operation-id.js';
import { output } from '../terminal/output.js';

/** The kinds of event and the meaning of the words after them. */
const KINDS = ['log', 'progress', 'status', 'result', 'error'] as const;
type Kind = (typeof KINDS)[number];

interface EmitOptions extends ConnectionOptions {
  readonly create?: string;
  readonly level: string;
  readonly details?: JsonObject;
  readonly errorType?: string;
}

export function emitCommand(): Command {
  return withConnection(new Command('emit'))
    .description('record one event: log, progress, status, or the end')
    .argument('<operation-id>', 'operation id or unique prefix')
    .argument('<kind>', KINDS.join(', '), kind)
    .argument(
      '[text...]',
      'log: the line; progress: 50% or 0.5, then a message; result: JSON or text; error: the reason',
    )
    .option('--create <type>', 'create the operation first, with this type')
    .addOption(
      new Option('--level <level>', 'log level')
        .choices(['debug', 'info', 'warning', 'error'])
        .default('info'),
    )
    .option('--error-type <type>', 'error type')
    .option('--details <json>', 'additional data, a JSON object', jsonObject)
    .action(async (operationId: string, what: Kind, words: string[], options: EmitOptions) => {
      const rest = restClient(options);
      const draft = DRAFT[what](words, options);
      const id = await target(rest, operationId, options.create);
      const { receipts } = await rest.record(id, [draft]);
      await output.write(`Recorded ${what} as event ${receipts[0]?.seq ?? '?'} of ${id}\n`);
    });
}

async function target(rest: RestClient, operationId: string, type: string | undefined): Promise<string> {
  if (type === undefined) return fullId(rest, operationId);
  return (await rest.createOperation(type, { operationId })).operation_id;
}

const DRAFT: Readonly<Record<Kind, (words: readonly string[], options: EmitOptions) => EventDraft>> = {
  log: (words, { level, details }) => ({
    event_type: 'log',
    data: { level, message: words.join(' '), details },
  }),
  progress: ([value = '', ...words], { details }) => ({
    event_type: 'progress',
    data: { progress: fraction(value), message: words.join(' ') || undefined, details },
  }),
  status: ([status = '', ...words], { details }) => ({
    event_type: 'status',
    data: { status, message: words.join(' ') || undefined, details },
  }),
  result: (words) => ({ event_type: 'result', data: { result: jsonOrText(words.join(' ')) } }),
  error: (words, { errorType, details }) => ({
    event_type: 'error',
    data: { error: words.join(' '), error_type: errorType, details },
  }),
};

function kind(text: string): Kind {
  const known = KINDS.find((one) => one === text);
  if (known) return known;
  throw new InvalidArgumentError(`It must be one of ${KINDS.join(', ')}.`);
}

/** `50%` or `0.5`. */
function fraction(text: string): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text !== '' && value >= 0 && value <= 1) return value;
  throw new Error(`Progress must be 0 to 1, or 0% to 100%, not ${JSON.stringify(text)}`);
}

function jsonOrText(text: string): JsonValue {
  if (text === '') return null;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

function jsonObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // Reported below.
  }
  throw new InvalidArgumentError('It must be a JSON object.');
}
