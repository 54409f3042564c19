import { readFileSync } from 'node:fs';
import { JsonSocket } from '../harness/json-socket.js';

/** One line of a transcript in the documents: `→ PingCommand {"command":"ping"}`. */
export interface MessageSample {
  readonly fromClient: boolean;
  /** Its name among the exports of the SDK. */
  readonly type: string;
  readonly json: string;
}

type Json = Record<string, unknown>;

/** The samples of a document, one list for each transcript. */
export function transcriptsOf(document: string): MessageSample[][] {
  const text = readFileSync(`docs/${document}`, 'utf8');
  return [...text.matchAll(/^```text\n((?:[→←] \w+ \{.*\}\n)+)```$/gm)].map(([, lines]) =>
    [...lines!.matchAll(/^([→←]) (\w+) (.*)$/gm)].map(([, arrow, type, json]) => ({
      fromClient: arrow === '→',
      type: type!,
      json: json!,
    })),
  );
}

/**
 * Plays a transcript against a service.
 * @returns for each message of the service what the document shows and what came, both reduced to their form
 */
export async function play(
  socket: JsonSocket,
  transcript: readonly MessageSample[],
): Promise<{ readonly shown: unknown; readonly came: unknown }[]> {
  const pairs = [];
  const came: Json[] = [];
  for (const { fromClient, json } of transcript) {
    const sample = JSON.parse(json) as Json;
    if (fromClient) {
      socket.send(sample);
      continue;
    }
    // An answer and an event that it caused come in either order.
    while (!came.some((message) => isSame(message, sample))) came.push(await socket.next());
    const at = came.findIndex((message) => isSame(message, sample));
    pairs.push({ shown: formOf(sample), came: formOf(came[at]) });
    came.splice(at, 1);
  }
  return pairs;
}

const KINDS = ['event_type', 'type', 'status', 'id', 'request_id'] as const;

function isSame(message: Json, sample: Json): boolean {
  return KINDS.every((kind) => message[kind] === sample[kind]);
}

/** Names, types and kinds, without the values that differ from run to run. */
function formOf(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => formOf(item, name));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, formOf(member, key)]));
  }
  return typeof value === 'string' && ['event_type', 'type', 'status'].includes(name) ? value : typeof value;
}
