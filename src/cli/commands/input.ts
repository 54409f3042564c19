import { Command } from 'commander';
import { OpstreamClientError, type InputRequestSnapshot, type JsonValue } from '../../client/index.js';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';
import { findOperation } from '../operation-id.js';
import { output } from '../terminal/output.js';
import { printableLine } from '../terminal/printable.js';

export function inputCommand(): Command {
  return withConnection(new Command('input'))
    .description('show what an operation asks for, or answer it')
    .argument('<operation-id>')
    .argument('[key]', 'the request; may be left out while there is only one')
    .argument('[answer]', 'the answer as JSON; text that is not JSON is taken as a string')
    .option('--decline', 'refuse to answer')
    .action(
      async (operationId: string, key: string | undefined, answer: string | undefined, options: Options) => {
        const rest = restClient(options);
        const { operation_id: id, input_requests: open = [] } = await findOperation(rest, operationId);
        if (answer === undefined && !options.decline && (key === undefined || isOpen(open, key))) {
          const shown = key === undefined ? open : open.filter((request) => request.key === key);
          for (const request of shown) await output.write(`${JSON.stringify(request)}\n`);
          if (shown.length === 0) process.stderr.write('It asks for nothing.\n');
          return;
        }
        const given = options.decline ? { key, answer } : resolved(open, key, answer);
        const wanted = given.key ?? theOnly(open).key;
        if (options.decline) await rest.declineInput(id, wanted);
        else await rest.answerInput(id, wanted, parseAnswer(given.answer!));
        await output.write(`${options.decline ? 'Declined' : 'Answered'} ${printableLine(wanted)}\n`);
      },
    );
}

interface Options extends ConnectionOptions {
  readonly decline?: boolean;
}

/** With one argument that is not a key, it is the answer to the only request. */
function resolved(
  open: readonly InputRequestSnapshot[],
  key: string | undefined,
  answer: string | undefined,
) {
  return answer === undefined ? { key: theOnly(open).key, answer: key } : { key, answer };
}

function isOpen(open: readonly InputRequestSnapshot[], key: string): boolean {
  return open.some((request) => request.key === key);
}

/** @throws OpstreamClientError unless exactly one request is open */
function theOnly(open: readonly InputRequestSnapshot[]): InputRequestSnapshot {
  const [only] = open;
  if (only && open.length === 1) return only;
  if (!only) throw new OpstreamClientError('input_not_found', 'It asks for nothing');
  const keys = open.map(({ key }) => printableLine(key)).join(', ');
  throw new OpstreamClientError('input_not_found', `It asks for several things; name one of: ${keys}`);
}

/** An answer as typed. */
export function parseAnswer(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
