import type { Json } from '../harness/mcp-client.js';

type Value = unknown;

export const UNKNOWN_SESSION = 'session_ffffffffffffffff';
export const UNKNOWN_TOKEN = 'sct_ffffffff-ffff-ffff-ffff-ffffffffffff';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$/;
const REPEATED = /<(\d+) times (\w)>/g;
/** Members that Opstream adds; nothing else may be in an answer that was not in the recorded one. */
const ADDED: ReadonlySet<string> = new Set(['version', 'total', 'suggestions', 'related_resources']);
/** Members whose numbers are ids, which differ from run to run. */
const IDS: ReadonlySet<string> = new Set(['id', 'message_id', 'parent_message_id']);

/** Where an answer is not the recorded one. */
export interface Difference {
  readonly at: string;
  readonly recorded: Value;
  readonly answer: Value;
}

/** What the placeholders of recorded answers stand for in this run, learnt as answers come. */
export class Placeholders {
  private readonly texts = new Map<string, string>();
  private readonly ids = new Map<number, number>();

  constructor(private readonly rows: ReadonlyMap<number, Json>) {}

  bind(placeholder: string, text: string): void {
    this.texts.set(placeholder, text);
  }

  bindId(recorded: number, id: number): void {
    this.ids.set(recorded, id);
  }

  text(placeholder: string): string {
    const text = this.texts.get(placeholder);
    if (text === undefined) throw new Error(`${placeholder} is not known yet`);
    return text;
  }

  /** A recorded call's arguments, as they are sent. */
  filledIn(value: Value, member = ''): Value {
    if (Array.isArray(value)) return value.map((each) => this.filledIn(each));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([name, each]) => [name, this.filledIn(each, name)]),
      );
    }
    if (typeof value === 'number' && member === 'parent_message_id') return this.ids.get(value) ?? value;
    return typeof value === 'string' ? this.filled(value) : value;
  }

  /** Where an answer differs from the recorded one; empty when it does not. */
  differences(recorded: Value, answer: Value, at = '', member = ''): Difference[] {
    if (typeof recorded === 'string') return this.textDifferences(recorded, answer, at);
    if (typeof recorded === 'number' && IDS.has(member)) return this.idDifferences(recorded, answer, at);
    if (Array.isArray(recorded)) return this.listDifferences(recorded, answer, at);
    if (typeof recorded === 'object' && recorded !== null) {
      return this.memberDifferences(recorded as Json, answer, at);
    }
    return Object.is(recorded, answer) ? [] : [difference(at, recorded, answer)];
  }

  private filled(text: string): string {
    return text
      .replaceAll(REPEATED, (_, count: string, character: string) => character.repeat(Number(count)))
      .replaceAll('<session>', UNKNOWN_SESSION)
      .replaceAll('<token>', UNKNOWN_TOKEN)
      .replaceAll(/<[^<>]+>/g, (placeholder) => this.texts.get(placeholder) ?? placeholder);
  }

  private textDifferences(recorded: string, answer: Value, at: string): Difference[] {
    const row = /^<row (\d+)>$/.exec(recorded);
    if (row) return this.rowDifferences(Number(row[1]), answer, at);
    if (isMatch(recorded, answer)) return [];
    if (
      /^<(session|token)[^>]*>$/.test(recorded) &&
      !this.texts.has(recorded) &&
      typeof answer === 'string'
    ) {
      this.bind(recorded, answer);
      return [];
    }
    return this.filled(recorded) === answer ? [] : [difference(at, recorded, answer)];
  }

  private rowDifferences(id: number, answer: Value, at: string): Difference[] {
    return this.differences(
      { ...this.rows.get(id), timestamp: '<unix seconds, float>' },
      answer,
      `${at}<${id}>`,
    );
  }

  private idDifferences(recorded: number, answer: Value, at: string): Difference[] {
    if (!this.ids.has(recorded) && typeof answer === 'number') this.ids.set(recorded, answer);
    return this.ids.get(recorded) === answer ? [] : [difference(at, recorded, answer)];
  }

  private listDifferences(recorded: readonly Value[], answer: Value, at: string): Difference[] {
    if (!Array.isArray(answer)) return [difference(at, recorded, answer)];
    const [only] = recorded;
    if (typeof only === 'string' && /^<\d+ texts, \d+ characters>$/.test(only)) {
      const texts = answer.length > 0 && answer.every((text) => typeof text === 'string' && text !== '');
      return texts ? [] : [difference(at, recorded, answer)];
    }
    if (recorded.length !== answer.length) return [difference(`${at}.length`, recorded, answer)];
    return recorded.flatMap((each, index) => this.differences(each, answer[index], `${at}[${index}]`));
  }

  private memberDifferences(recorded: Json, answer: Value, at: string): Difference[] {
    if (typeof answer !== 'object' || answer === null) return [difference(at, recorded, answer)];
    if ('row' in recorded) return this.hitDifferences(recorded, answer as Json, at);
    const given = answer as Json;
    const added = Object.keys(given).filter((name) => !(name in recorded) && !ADDED.has(name));
    return [
      ...added.map((name) => difference(`${at}.${name}`, undefined, given[name])),
      ...Object.entries(recorded).flatMap(([name, value]) =>
        this.differences(value, given[name], `${at}.${name}`, name),
      ),
    ];
  }

  /** A result of a search: the message as it was added, and how well it matches. */
  private hitDifferences({ row, score, relevance }: Json, answer: Json, at: string): Difference[] {
    const { id, sender, content, visibility, metadata } = this.rows.get(row as number)!;
    const parsed = metadata === null ? {} : (JSON.parse(metadata as string) as Json);
    const timestamp = '<unix seconds, float>';
    const message = { id, sender, content, visibility, metadata: parsed, timestamp };
    const text = content as string;
    const preview = text.length > 150 ? `${text.slice(0, 150)}...` : text;
    return this.differences({ message, score, relevance, match_preview: preview }, answer, at);
  }
}

function isMatch(recorded: string, answer: Value): boolean {
  switch (recorded) {
    case '<iso time +00:00>':
      return typeof answer === 'string' && ISO.test(answer);
    case '<unix seconds, float>':
    case '<milliseconds>':
    case '<message id>':
      return typeof answer === 'number';
    case '<agent of the connection>':
      return typeof answer === 'string' && answer !== '';
    case '<session>':
      return typeof answer === 'string' && /^session_[0-9a-f]{16}$/.test(answer);
    case '<token>':
      return typeof answer === 'string' && /^sct_[0-9a-f-]{36}$/.test(answer);
    default:
      return /^<text, \d+ characters>$/.test(recorded) && typeof answer === 'string' && answer !== '';
  }
}

function difference(at: string, recorded: Value, answer: Value): Difference {
  return { at, recorded, answer };
}
