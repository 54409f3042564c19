/** Deeper nesting is refused: it costs recursion in every reader and no real payload needs it. */
export const MAX_JSON_DEPTH = 64;

/** True when objects and arrays are nested more than so many levels. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  // for…in over own enumerable keys: Object.values would allocate an array per level of every event.
  for (const key in value) {
    if (isDeeperThan((value as Record<string, unknown>)[key], levels - 1)) return true;
  }
  return false;
}
