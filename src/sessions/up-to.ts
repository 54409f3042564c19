/** The first items, to the one that reaches a number of characters; at least one. Reads no further. */
export function upTo<Item>(
  characters: number,
  items: Iterable<Item>,
  lengthOf: (item: Item) => number,
): readonly Item[] {
  const taken: Item[] = [];
  let sum = 0;
  for (const item of items) {
    taken.push(item);
    sum += lengthOf(item);
    if (sum >= characters) break;
  }
  return taken;
}
