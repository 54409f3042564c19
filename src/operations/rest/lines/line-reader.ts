import { OpstreamError } from '../../../platform/errors/opstream-error.js';

/** One record of an upload: a line of text, an element of a JSON array, or the fields of a form. */
export type LineRecord =
  | { readonly kind: 'line' | 'element'; readonly text: string }
  | { readonly kind: 'form'; readonly fields: URLSearchParams };

/** Characters buffered of an incomplete record; a longer line is cut, a longer element refused. */
const MAX_RECORD = 1024 * 1024;
/** Names under which Python's HTTPHandler and other loggers send the text of a form. */
const FORM_TEXTS = ['msg', 'message'];

/**
 * Splits an upload into records as it arrives. The format is detected from the first characters, not from the type,
 * because few producers let their users set one: `[{` and `["` begin a JSON array, everything else is lines.
 */
export class LineReader {
  private readonly decoder = new TextDecoder();
  private mode: 'unknown' | 'lines' | 'array' | 'form' = 'unknown';
  private rest = '';
  /** Position of the array scanner: characters of `rest` before it have been scanned. */
  private at = 0;
  private depth = 0;
  private inString = false;
  private start = -1;

  /** @param mayBeForm the type says so, which is also what curl says of any data */
  constructor(private readonly mayBeForm: boolean) {}

  /** @throws OpstreamError `payload_too_large` for an element of an array that is too long */
  push(bytes: Uint8Array): LineRecord[] {
    return this.take(this.decoder.decode(bytes, { stream: true }));
  }

  /** What is left at the end, be it whole or cut. */
  end(): LineRecord[] {
    const records = this.take(this.decoder.decode());
    if (this.mode === 'form') {
      const fields = new URLSearchParams(this.rest.trim());
      if (FORM_TEXTS.some((name) => fields.has(name))) return [{ kind: 'form', fields }];
    }
    if (this.mode !== 'array' && this.rest.trim() !== '') records.push({ kind: 'line', text: this.rest });
    this.rest = '';
    return records;
  }

  private take(text: string): LineRecord[] {
    this.rest += text;
    if (this.mode === 'unknown') this.mode = this.recognize();
    // A form is one line without blanks.
    if (this.mode === 'form' && (/\s\S/.test(this.rest) || this.rest.length > MAX_RECORD))
      this.mode = 'lines';
    if (this.mode === 'lines') return this.lines();
    return this.mode === 'array' ? this.elements() : [];
  }

  private recognize(): 'unknown' | 'lines' | 'array' | 'form' {
    const beginning = this.rest.slice(0, MAX_RECORD).trimStart();
    if (beginning === '' || beginning === '[') return 'unknown';
    if (/^\[\s*[{"\]]/.test(beginning)) return 'array';
    if (/^\[\s*$/.test(beginning)) return 'unknown';
    if (!this.mayBeForm) return 'lines';
    // The name of its first field may still be under way.
    if (/^[\w.%+-]+$/.test(beginning)) return 'unknown';
    return /^[\w.%+-]+=/.test(beginning) ? 'form' : 'lines';
  }

  private lines(): LineRecord[] {
    const parts = this.rest.split('\n');
    this.rest = parts.pop()!;
    while (this.rest.length > MAX_RECORD) {
      parts.push(this.rest.slice(0, MAX_RECORD));
      this.rest = this.rest.slice(MAX_RECORD);
    }
    return parts.filter((text) => text.trim() !== '').map((text) => ({ kind: 'line', text }));
  }

  private elements(): LineRecord[] {
    const found: LineRecord[] = [];
    for (; this.at < this.rest.length; this.at += 1) {
      const text = this.step(this.rest[this.at]!);
      if (text !== undefined) found.push({ kind: 'element', text });
    }
    const keep = this.start >= 0 ? this.start : this.rest.length;
    this.rest = this.rest.slice(keep);
    this.at -= keep;
    if (this.start >= 0) this.start = 0;
    if (this.rest.length > MAX_RECORD) {
      throw new OpstreamError('payload_too_large', `An element has more than ${MAX_RECORD} characters`);
    }
    return found;
  }

  /** Looks at one character. @returns the element that ends before it */
  private step(character: string): string | undefined {
    if (this.inString) {
      if (character === '\\') this.at += 1;
      else if (character === '"') this.inString = false;
      return undefined;
    }
    const ends = this.depth === 1 && (character === ',' || character === ']');
    const element = ends && this.start >= 0 ? this.rest.slice(this.start, this.at).trim() : undefined;
    if (ends) this.start = -1;
    else if (this.depth === 1 && this.start < 0 && /\S/.test(character)) this.start = this.at;
    if (character === '"') this.inString = true;
    else if (character === '[' || character === '{') this.depth += 1;
    else if (character === ']' || character === '}') this.depth -= 1;
    return element;
  }
}
