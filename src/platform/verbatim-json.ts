/**
 * JSON that only passes through: every number keeps its source text, e.g. `1.0`, `1e400` and integers beyond 2^53.
 * Values read here are for `JSON.stringify`, which writes the same text again, not for arithmetic.
 */

/** JSON source text access (ECMAScript 2026), which TypeScript's library does not describe yet. */
interface SourceTextJson {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}
const sourceText = JSON as unknown as SourceTextJson;

/** Only such texts can hold a number that JavaScript writes differently; others skip the slow reviver. */
const SUSPECT = /\d[.eE]|\d{16}|-0/;

/** No double needs more characters to be represented exactly; comparing longer ones would only cost time. */
const MAX_EXACT = 400;

export interface VerbatimJson {
  readonly value: unknown;
  /** Whether a reader that converts numbers to doubles would change the value of one. */
  readonly roundsElsewhere: boolean;
}

/** @throws SyntaxError */
export function parseVerbatim(text: string): VerbatimJson {
  if (!SUSPECT.test(text)) return { value: JSON.parse(text) as unknown, roundsElsewhere: false };
  let roundsElsewhere = false;
  const value = sourceText.parse(text, (_key, one, { source }) => {
    if (typeof one !== 'number' || source === undefined || String(one) === source) return one;
    roundsElsewhere ||= source.length > MAX_EXACT || decimalOf(String(one)) !== decimalOf(source);
    return sourceText.rawJSON(source);
  });
  return { value, roundsElsewhere };
}

/** The source text of a number that kept it; undefined for any other value. */
export function numberText(value: unknown): string | undefined {
  return sourceText.isRawJSON(value) ? value.rawJSON : undefined;
}

/** A number given by its text. @throws SyntaxError when it is not a JSON number */
export function numberOf(text: string): object {
  if (!NUMBER.test(text)) throw new SyntaxError('not a JSON number');
  return sourceText.rawJSON(text);
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Whether text matches the JSON number grammar; linear in its length. */
export function isNumberText(text: string): boolean {
  return NUMBER.test(text);
}

/** The normalized decimal value of a number's text: significant digits and exponent. */
function decimalOf(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  if (whole === '') return text;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  const significant = digits.replace(/0+$/, '');
  const power =
    BigInt(exponent.slice(0, 20)) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign}${significant}e${power}`;
}
