import { isJsonObject } from '../../platform/json.js';
import type { SessionMessage } from '../session.js';

type Searched = Pick<SessionMessage, 'sender' | 'content' | 'metadata'>;

/** What a search is matched against, in lower case: sender, content and the top-level values of the metadata. */
export function searchText({ sender, content, metadata }: Searched, withMetadata = true): string {
  const values = withMetadata && metadata !== null ? metadataValues(metadata) : [];
  return [sender.id, content, ...values].join(' ').toLowerCase();
}

/** Texts, numbers but 0, and true. */
function metadataValues(metadata: string): readonly string[] {
  const parsed: unknown = JSON.parse(metadata);
  if (!isJsonObject(parsed)) return [];
  return Object.values(parsed)
    .filter(
      (value) =>
        (typeof value === 'string' && value !== '') ||
        (typeof value === 'number' && value !== 0) ||
        value === true,
    )
    .map(String);
}

/** The distinct trigrams of a text, in code points. */
export function trigrams(text: string): readonly string[] {
  const characters = Array.from(text);
  const found = new Set<string>();
  for (let at = 0; at + 3 <= characters.length; at++) found.add(characters.slice(at, at + 3).join(''));
  return [...found];
}
