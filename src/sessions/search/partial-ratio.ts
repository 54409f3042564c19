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
  return scorer(one, cutoff)(other);
}

/** Scores one text against many: what can be prepared of it is prepared once. */
export function scorer(text: string, cutoff = 0): (other: string) => number {
  const a = codePoints(text);
  const pattern = new Pattern(a);
  return (other) => {
    const b = codePoints(other);
    if (a.length === 0 || b.length === 0) return a.length === b.length ? 100 : 0;
    if (a.length === b.length) {
      return Math.max(best(pattern, b, cutoff), best(new Pattern(b), a, cutoff));
    }
    return a.length < b.length ? best(pattern, b, cutoff) : best(new Pattern(b), a, cutoff);
  };
}

/** The score with two decimals. */
export function rounded(score: number): number {
  return Math.round(score * 100) / 100;
}

function codePoints(text: string): ArrayLike<number> {
  // Nearly every text has one unit for each character.
  if (/[\ud800-\udfff]/.test(text)) return Array.from(text, (character) => character.codePointAt(0)!);
  const points = new Uint16Array(text.length);
  for (let at = 0; at < text.length; at++) points[at] = text.charCodeAt(at);
  return points;
}

function best(pattern: Pattern, text: ArrayLike<number>, cutoff: number): number {
  const { length } = pattern;
  const part = new BestPart(pattern, text, cutoff);
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
    private readonly text: ArrayLike<number>,
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
    const { length } = this.pattern;
    const size = end - start;
    const reachable = Math.min(length, size, this.common + at - this.at);
    const bound = (200 * reachable) / (length + size);
    if (bound <= this.score || bound < this.cutoff) return;
    this.common = this.pattern.common(this.text, start, end);
    this.at = at;
    this.score = Math.max(this.score, (200 * this.common) / (length + size));
  }
}

/** Characters below this are looked up in a table. */
const TABLE = 256;

/** A text prepared for counting the longest subsequence it has in common with parts of another. */
class Pattern {
  readonly length: number;
  /** For each character, the bits of the places where it stands, word by word; 0 at places of others. */
  private readonly table: Int32Array;
  private readonly others = new Map<number, Int32Array>();
  private readonly none: Int32Array;
  private readonly words: number;
  private readonly state: Int32Array;

  constructor(characters: ArrayLike<number>) {
    this.length = characters.length;
    this.words = Math.max(1, Math.ceil(this.length / 32));
    this.state = new Int32Array(this.words);
    this.none = new Int32Array(this.words);
    this.table = new Int32Array(TABLE * this.words);
    for (let at = 0; at < this.length; at++) this.add(characters[at]!, at);
  }

  has(character: number): boolean {
    if (character >= TABLE) return this.others.has(character);
    const from = character * this.words;
    for (let word = 0; word < this.words; word++) if (this.table[from + word] !== 0) return true;
    return false;
  }

  /** Length of the longest subsequence in common with `text` from `start` to before `end`. */
  common(text: ArrayLike<number>, start: number, end: number): number {
    return this.words === 1 ? this.commonInWord(text, start, end) : this.commonInWords(text, start, end);
  }

  private add(character: number, at: number): void {
    const [word, bit] = [at >>> 5, 1 << (at & 31)];
    if (character < TABLE) {
      this.table[character * this.words + word]! |= bit;
      return;
    }
    let mask = this.others.get(character);
    if (!mask) this.others.set(character, (mask = new Int32Array(this.words)));
    mask[word]! |= bit;
  }

  private commonInWord(text: ArrayLike<number>, start: number, end: number): number {
    let state = -1;
    for (let at = start; at < end; at++) {
      const character = text[at]!;
      const mask = character < TABLE ? this.table[character]! : (this.others.get(character)?.[0] ?? 0);
      const matches = state & mask;
      state = (state + matches) | (state - matches);
    }
    return zeros(state, this.length);
  }

  private commonInWords(text: ArrayLike<number>, start: number, end: number): number {
    const { state, words, table, none } = this;
    state.fill(-1);
    for (let at = start; at < end; at++) {
      const character = text[at]!;
      const [masks, from] =
        character < TABLE ? [table, character * words] : [this.others.get(character) ?? none, 0];
      let carry = 0;
      for (let word = 0; word < words; word++) {
        const bits = state[word]!;
        const matches = bits & masks[from + word]!;
        const sum = (bits >>> 0) + (matches >>> 0) + carry;
        carry = sum > 0xffff_ffff ? 1 : 0;
        state[word] = sum | 0 | (bits - matches);
      }
    }
    let count = 0;
    for (let word = 0; word < words; word++) {
      count += zeros(state[word]!, Math.min(32, this.length - word * 32));
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
