/** Of a text's trigrams, those that are looked up, evenly over its length. */
const MAX_TRIGRAMS = 24;
/** Hits of all trigrams together that are counted; each costs a quarter of a microsecond. */
const MAX_HITS = 10_000;
/** Trigrams that are looked up however common they are, of those that occur at all. */
const LEAST_COMMON = 2;
/** Hits of one trigram that are read, of the newest messages: in a large session, some are in all of them. */
export const MAX_LIST = 2500;
/** What a list that was read whole counts, where one that was cut counts 1: cut ones decide only between equals. */
const WHOLE = LEAST_COMMON + 1;

/**
 * The trigrams to look up: the rarest, as many as may be counted. What nearly every message has tells the messages
 * least apart and costs most.
 * @param sample some of the messages' texts
 * @param size how many messages there are
 */
export function trigramsToLookUp(
  trigrams: readonly string[],
  sample: readonly string[],
  size: number,
): readonly string[] {
  const share = size / Math.max(1, sample.length);
  const estimated = evenly(trigrams, MAX_TRIGRAMS)
    .map((trigram) => ({ trigram, hits: share * sample.filter((text) => text.includes(trigram)).length }))
    .sort((a, b) => a.hits - b.hits);
  let counted = 0;
  let common = 0;
  return estimated
    .filter(({ hits }) => {
      counted += hits;
      common += Number(hits > 0);
      return counted <= MAX_HITS || common <= LEAST_COMMON;
    })
    .map(({ trigram }) => trigram);
}

/**
 * Places by the number of lists that they are in: most first, of equals the last one. A list that was cut says nothing
 * of places that it does not have, so that it hardly counts.
 * @param lists of places from 0 to before `size`, each at most once
 */
export function mostShared(lists: Iterable<readonly number[]>, size: number): readonly number[] {
  const shared = new Uint8Array(size);
  let most = 0;
  for (const list of lists) {
    const weight = list.length < MAX_LIST ? WHOLE : 1;
    for (const place of list) most = Math.max(most, (shared[place]! += weight));
  }
  const byCount = Array.from({ length: most + 1 }, (): number[] => []);
  for (let place = size - 1; place >= 0; place--) {
    if (shared[place]! > 0) byCount[shared[place]!]!.push(place);
  }
  return byCount.toReversed().flat();
}

function evenly<Item>(items: readonly Item[], most: number): readonly Item[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, index) => items[Math.floor((index * items.length) / most)]!);
}
