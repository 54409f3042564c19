/**
 * How well the best part of one text matches another, from 0 to 100: the `partial_ratio` of RapidFuzz, whose scores
 * clients of shared-context-server know. The shorter text is compared with every part of the longer one that is as
 * long (at either end also shorter), by the longest common subsequence. Libraries of the registry compare only the
 * parts that a heuristic proposes, and give other scores.
 *
 * A common subsequence is counted bit by bit in words of 32 (Hyyrö 2004): a few instructions per character and word.
 * @param cutoff scores below it may come out as 0, sooner
 */
export function partialRatio(one: string, other: string, cutoff = 0): number {
  const [a, b] = [codePoints(one), codePoints(other)];
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 100 : 0;
  if (a.length === b.length) return Math.max(best(a, b, cutoff), best(b, a, cutoff));
  return a.length < b.length ? best(a, b, cutoff) : best(b, a, cutoff);
}

/** The score with two decimals. */
export function rounded(score: number): number {
  return Math.round(score * 100) / 100;
}

function codePoints(text: string): readonly number[] {
  const points: number[] = [];
  for (const character of text) points.push(character.codePointAt(0)!);
  return points;
}

function best(needle: readonly number[], text: readonly number[], cutoff: number): number {
  const part = new BestPart(new Pattern(needle), needle.length, text, cutoff);
  const length = needle.length;
  // A part that ends (or, at the end of the text, begins) with a character of its own is never the best one.
  part.known(length);
  for (let start = 0; start + length <= text.length && !part.perfect; start++) {
    if (part.has(start + length - 1)) part.compare(start, start + length, start);
  }
  part.known(0);
  for (let end = 1; end < length && !part.perfect; end++) {
    if (part.has(end - 1)) part.compare(0, end, end);
  }
  part.known(0);
  for (let size = 1; size < length && !part.perfect; size++) {
    const start = text.length - size;
    if (part.has(start)) part.compare(start, text.length, size);
  }
  return part.score < cutoff ? 0 : part.score;
}

/**
 * The best part of a text so far. Moving a part by one character, or making it one longer, adds at most one to what it
 * has in common: parts that cannot reach what is wanted any sooner are passed over, and of an unlike text hardly any
 * are compared.
 */
class BestPart {
  score = 0;
  private common = 0;
  private at = 0;

  constructor(
    private readonly pattern: Pattern,
    private readonly length: number,
    private readonly text: readonly number[],
    private readonly cutoff: number,
  ) {}

  get perfect(): boolean {
    return this.score === 100;
  }

  has(at: number): boolean {
    return this.pattern.has(this.text[at]!);
  }

  /** Begins a row of parts, the one before which has at most so much in common. */
  known(common: number): void {
    this.common = common;
    this.at = 0;
  }

  /** @param at the part's place in its row */
  compare(start: number, end: number, at: number): void {
    const size = end - start;
    const reachable = Math.min(this.length, size, this.common + at - this.at);
    const bound = (200 * reachable) / (this.length + size);
    if (bound <= this.score || bound < this.cutoff) return;
    this.common = this.pattern.common(this.text, start, end);
    this.at = at;
    this.score = Math.max(this.score, (200 * this.common) / (this.length + size));
  }
}

/** A text prepared for counting the longest subsequence it has in common with parts of another. */
class Pattern {
  /** For each character, the bits of the places where it stands. */
  private readonly masks = new Map<number, Int32Array>();
  private readonly words: number;
  private readonly state: Int32Array;

  constructor(private readonly characters: readonly number[]) {
    this.words = Math.ceil(characters.length / 32);
    this.state = new Int32Array(this.words);
    for (const [at, character] of characters.entries()) {
      let mask = this.masks.get(character);
      if (!mask) this.masks.set(character, (mask = new Int32Array(this.words)));
      mask[at >>> 5]! |= 1 << (at & 31);
    }
  }

  has(character: number): boolean {
    return this.masks.has(character);
  }

  /** Length of the longest subsequence in common with `text` from `start` to before `end`. */
  common(text: readonly number[], start: number, end: number): number {
    return this.words === 1 ? this.commonInWord(text, start, end) : this.commonInWords(text, start, end);
  }

  private commonInWord(text: readonly number[], start: number, end: number): number {
    let state = -1;
    for (let at = start; at < end; at++) {
      const mask = this.masks.get(text[at]!);
      if (mask === undefined) continue;
      const matches = state & mask[0]!;
      state = (state + matches) | (state - matches);
    }
    return zeros(state, this.characters.length);
  }

  private commonInWords(text: readonly number[], start: number, end: number): number {
    const { state, words } = this;
    state.fill(-1);
    for (let at = start; at < end; at++) {
      const mask = this.masks.get(text[at]!);
      if (mask === undefined) continue;
      let carry = 0;
      for (let word = 0; word < words; word++) {
        const bits = state[word]!;
        const matches = bits & mask[word]!;
        const sum = (bits >>> 0) + (matches >>> 0) + carry;
        carry = sum > 0xffff_ffff ? 1 : 0;
        state[word] = sum | 0 | (bits - matches);
      }
    }
    let count = 0;
    for (let word = 0; word < words; word++) {
      count += zeros(state[word]!, Math.min(32, this.characters.length - word * 32));
    }
    return count;
  }
}

/** Bits of the lowest `length` that are 0. */
function zeros(state: number, length: number): number {
  let bits = ~state & (length === 32 ? -1 : (1 << length) - 1);
  bits -= (bits >>> 1) & 0x5555_5555;
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return (((bits + (bits >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
}
