import { toOpstreamError } from '../../../platform/errors/opstream-error.js';
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from '../../../platform/json.js';
import { LIMITS, parseDraft, parseEvent, type EventDraft } from '../../operation-draft.js';
import type { LineRecord } from './line-reader.js';

/** Members that hold the text of a record, as loggers and log shippers name them; the first one present is it. */
const TEXT_MEMBERS = ['message', 'msg', 'log', 'text', 'short_message', 'MESSAGE', 'body', 'event'] as const;
const LEVEL_MEMBERS = [
  'level',
  'levelname',
  'severity',
  'severity_text',
  'severityText',
  'lvl',
  'PRIORITY',
  'priority',
] as const;

/** Levels that are numbers: pino's and bunyan's, and those of syslog (RFC 5424, section 6.2.1). */
const NUMBERED_LEVELS: Readonly<Record<number, string>> = {
  0: 'emergency',
  1: 'alert',
  2: 'critical',
  3: 'error',
  4: 'warning',
  5: 'notice',
  6: 'info',
  7: 'debug',
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/**
 * The events of one record. Nothing that arrives is lost: a record that is neither one of our events nor a log record of a
 * known form, is recorded as its text.
 */
export function draftsOf(record: LineRecord, operationId: string): EventDraft[] {
  if (record.kind === 'form') return fromLogRecord(fieldsOf(record.fields), '');
  const text = record.text.replace(/\r$/, '');
  const value = record.kind === 'element' || text.trimStart().startsWith('{') ? valueOf(text) : undefined;
  if (isJsonObject(value)) return fromObject(value, text, operationId);
  return textDrafts(typeof value === 'string' ? value : text);
}

function valueOf(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function fromObject(value: JsonObject, text: string, operationId: string): EventDraft[] {
  if (typeof value.event_type === 'string' && isJsonObject(value.data)) {
    const event = attempt(() => parseEvent(value, operationId));
    if (event) return [event];
  }
  return fromLogRecord(value, text);
}

function fromLogRecord(value: JsonObject, text: string): EventDraft[] {
  const textMember = TEXT_MEMBERS.find((name) => typeof value[name] === 'string');
  const levelMember = LEVEL_MEMBERS.find((name) => levelOf(value[name]) !== undefined);
  if (textMember === undefined) return textDrafts(text === '' ? JSON.stringify(value) : text);
  const message = value[textMember] as string;
  const level = levelMember === undefined ? nestedLevel(value) : levelOf(value[levelMember]);
  const eventId = typeof value.event_id === 'string' ? value.event_id : undefined;
  const taken = new Set<string>([textMember, ...(levelMember ? [levelMember] : [])]);
  if (eventId !== undefined) taken.add('event_id');
  const rest = Object.entries(value).filter(([name]) => !taken.has(name));
  const details = rest.length === 0 ? undefined : Object.fromEntries(rest);
  const data = { message: message.slice(0, LIMITS.message), level, details };
  const event = attempt(() => parseDraft('log', data, eventId));
  if (!event) return textDrafts(message, level);
  return message.length > LIMITS.message
    ? [event, ...textDrafts(message.slice(LIMITS.message), level)]
    : [event];
}

/** A text as it is, cut into as many events as it takes. */
function textDrafts(text: string, level?: string): EventDraft[] {
  const drafts: EventDraft[] = [];
  for (let at = 0; at < Math.max(1, text.length); at += LIMITS.message) {
    drafts.push(parseDraft('log', { message: text.slice(at, at + LIMITS.message), level }));
  }
  return drafts;
}

/** Undefined for an event that is not valid; a fault of ours is thrown on. */
function attempt(parse: () => EventDraft): EventDraft | undefined {
  try {
    return parse();
  } catch (thrown) {
    if (toOpstreamError(thrown).code === 'internal') throw thrown;
    return undefined;
  }
}

function levelOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'number') return NUMBERED_LEVELS[value] ?? String(value);
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = /^\d$/.test(value) ? NUMBERED_LEVELS[Number(value)] : undefined;
  return number ?? value.trim().toLowerCase().slice(0, LIMITS.name);
}

/** Loguru's serialized records: `{"text": "…", "record": {"level": {"name": "INFO"}}}`. */
function nestedLevel({ record, level }: JsonObject): string | undefined {
  const holder = isJsonObject(record) ? record.level : level;
  return isJsonObject(holder) ? levelOf(holder.name) : undefined;
}

/** Python's HTTPHandler sends the template of a message and its arguments; `msg` is what there is of the text. */
function fieldsOf(fields: URLSearchParams): JsonObject {
  return Object.fromEntries(fields);
}
