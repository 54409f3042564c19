import { searchText, trigrams } from '../search/search-text.js';
import type { SessionMessage } from '../session.js';
import type { SearchCandidates } from '../session-store.js';

/** The messages that share most trigrams with a text. @param messages newest first */
export function likeliest(
  messages: readonly SessionMessage[],
  text: string,
  limit: number,
): SearchCandidates {
  if (messages.length <= limit) return { messages, none: messages.length === 0 };
  const wanted = trigrams(text);
  const shared = (message: SessionMessage): number => {
    const searched = searchText(message);
    if (wanted.length === 0) return Number(searched.includes(text));
    return wanted.filter((part) => searched.includes(part)).length;
  };
  const likely = messages
    .map((message) => ({ message, count: shared(message) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || b.message.seq - a.message.seq);
  const best = likely.slice(0, limit).map(({ message }) => message);
  return { messages: best.sort((a, b) => b.seq - a.seq), none: false };
}
