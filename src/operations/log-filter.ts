import { LEVELS, levelOf, type Level } from '../client/protocol/log-level.js';
import { isJsonObject, parseJson, type JsonValue } from '../platform/json.js';
import type { EventType, RecordedEvent } from './operation-event.js';

/** Which events of a log are wanted; an absent condition admits all. */
export interface LogFilter {
  readonly types?: ReadonlySet<EventType> | undefined;
  /** The least severe level of `log` events. Without `types`, it admits no others. */
  readonly level?: Level | undefined;
  /** Text that occurs in a value of the event, in any case of letters. */
  readonly text?: string | undefined;
}

export type EventTest = (event: RecordedEvent) => boolean;

/** @returns undefined when the filter admits every event */
export function testOf({ types, level, text }: LogFilter): EventTest | undefined {
  const wanted = text === undefined || text === '' ? undefined : searchFor(text);
  if (types === undefined && level === undefined && wanted === undefined) return undefined;
  const least = level === undefined ? 0 : LEVELS.indexOf(level);
  return (event) => {
    if (types ? !types.has(event.type) : level !== undefined && event.type !== 'log') return false;
    if (wanted?.mayOccur(event.data) === false) return false;
    const isLeveled = least > 0 && event.type === 'log';
    if (!isLeveled && !wanted) return true;
    const data = parseJson(event.data);
    if (isLeveled && LEVELS.indexOf(levelOf(isJsonObject(data) ? data.level : undefined)) < least)
      return false;
    return wanted?.occursIn(data, event.type) ?? true;
  };
}

/** Characters that JSON writes differently: a text with them may occur in a value and not in its JSON. */
const ESCAPED = /[\p{Cc}\p{Cs}"\\]/u;

function searchFor(text: string): {
  /** False when it certainly does not occur; spares most events the parser. */
  mayOccur(json: string): boolean;
  occursIn(data: JsonValue, type: EventType): boolean;
} {
  const wanted = text.toLowerCase();
  const isPlain = !ESCAPED.test(wanted);
  const occurs = (value: JsonValue | undefined): boolean => {
    if (typeof value === 'string') return value.toLowerCase().includes(wanted);
    if (Array.isArray(value)) return (value as readonly JsonValue[]).some(occurs);
    if (isJsonObject(value)) return Object.values(value).some(occurs);
    return value != null && JSON.stringify(value).toLowerCase().includes(wanted);
  };
  return {
    mayOccur: (json) => !isPlain || json.toLowerCase().includes(wanted),
    occursIn(data, type) {
      if (type !== 'log' || !isJsonObject(data)) return occurs(data);
      // Not the level, which has a filter of its own, and not the colours of the message.
      const { message, details } = data;
      const { ansi: _ansi, ...rest } = isJsonObject(details) ? details : {};
      return occurs(message) || occurs(rest);
    },
  };
}
