import { withLowerScheme } from './uri.js';

/** How an expression with an operator is written (RFC 6570, appendix A). */
interface Operator {
  readonly first: string;
  readonly separator: string;
  /** `name=value` instead of the value alone. */
  readonly named: boolean;
  /** The pattern of this many variables after `first`. */
  readonly pattern: (variables: number) => string;
}

const SEGMENT = '[^/?#]*';
const OPERATORS: Readonly<Record<string, Operator>> = {
  '': { first: '', separator: ',', named: false, pattern: () => SEGMENT },
  '+': { first: '', separator: ',', named: false, pattern: () => '.*?' },
  '#': { first: '#', separator: ',', named: false, pattern: () => '.*' },
  '.': { first: '.', separator: '.', named: false, pattern: () => SEGMENT },
  '/': {
    first: '/',
    separator: '/',
    named: false,
    pattern: (variables) => `${SEGMENT}(?:/${SEGMENT}){0,${variables - 1}}`,
  },
  ';': { first: ';', separator: ';', named: true, pattern: () => SEGMENT },
  '?': { first: '?', separator: '&', named: true, pattern: () => '[^#]*' },
  '&': { first: '&', separator: '&', named: true, pattern: () => '[^#]*' },
};

interface Variable {
  readonly name: string;
  readonly exploded: boolean;
}

interface Expression {
  readonly operator: Operator;
  readonly variables: readonly Variable[];
}

/** Maximum segments of an exploded path. */
const MAX_SEGMENTS = 100;
const MAX_EXPRESSIONS = 20;

/** An RFC 6570 URI template in reverse: extracts the values from a URI. */
export class UriTemplate {
  private readonly expressions: Expression[] = [];
  private readonly pattern: RegExp;

  /** @throws Error for what is not a template */
  constructor(template: string) {
    let pattern = '';
    for (const part of withLowerScheme(template).split(/(\{[^{}]*\})/)) {
      pattern += part.startsWith('{') ? this.addExpression(part.slice(1, -1)) : literal(part);
    }
    if (this.expressions.length > MAX_EXPRESSIONS) throw new Error('A template may have 20 expressions');
    this.pattern = new RegExp(`^${pattern}$`, 's');
  }

  /**
   * The values of its variables, each decoded once; lists are joined by commas.
   * @returns undefined for a URI that does not match, or that has an invalid escape
   */
  match(uri: string): Record<string, string> | undefined {
    const found = this.pattern.exec(withLowerScheme(uri));
    if (!found) return undefined;
    const values: Record<string, string> = {};
    try {
      for (const [index, expression] of this.expressions.entries()) {
        const text = found[index + 1];
        if (text !== undefined) Object.assign(values, read(expression, text));
      }
    } catch {
      return undefined;
    }
    return values;
  }

  private addExpression(text: string): string {
    const [, sign = '', names = ''] = /^([+#./;?&]?)(.*)$/s.exec(text) ?? [];
    const variables = names.split(',').map((name) => {
      const [, bare, modifier] = /^([A-Za-z0-9_.%]+)(\*|:\d{1,4})?$/.exec(name.trim()) ?? [];
      if (bare === undefined) throw new Error(`{${text}} is not an expression of a URI template`);
      return { name: bare, exploded: modifier === '*' };
    });
    const operator = OPERATORS[sign]!;
    this.expressions.push({ operator, variables });
    const most = variables.some(({ exploded }) => exploded) ? MAX_SEGMENTS : variables.length;
    const { first } = operator;
    const body = `(${operator.pattern(most)})`;
    return first === '' ? body : `(?:\\${first}${body})?`;
  }
}

/** Text outside expressions; characters not allowed in a URI may be raw or encoded. */
function literal(text: string): string {
  if (/[{}]/.test(text)) throw new Error('A template has a brace that belongs to no expression');
  return text
    .replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)
    .replaceAll(/[^!-~]+/g, (raw) => `(?:${raw}|${encodeURIComponent(raw)})`);
}

/** @throws URIError for an invalid escape */
function read({ operator, variables }: Expression, text: string): Record<string, string> {
  return operator.named ? readNamed(operator, variables, text) : readInOrder(operator, variables, text);
}

function readInOrder(
  { separator }: Operator,
  variables: readonly Variable[],
  text: string,
): Record<string, string> {
  const [only] = variables;
  const parts = text.split(separator);
  if (variables.length === 1) {
    const value = only!.exploded ? parts.map(decodeURIComponent).join(',') : decodeURIComponent(text);
    return { [only!.name]: value };
  }
  const values: Record<string, string> = {};
  for (const [index, { name, exploded }] of variables.entries()) {
    const isLast = index === variables.length - 1;
    const own =
      isLast || exploded
        ? parts.splice(0, parts.length - (variables.length - 1 - index))
        : parts.splice(0, 1);
    if (own.length > 0) values[name] = own.map(decodeURIComponent).join(',');
  }
  return values;
}

function readNamed(
  { separator }: Operator,
  variables: readonly Variable[],
  text: string,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const pair of text.split(separator)) {
    const at = pair.indexOf('=');
    const name = decodeURIComponent(at < 0 ? pair : pair.slice(0, at));
    if (!variables.some((variable) => variable.name === name)) continue;
    const value = at < 0 ? '' : decodeURIComponent(pair.slice(at + 1));
    values[name] = Object.hasOwn(values, name) ? `${values[name]},${value}` : value;
  }
  return values;
}
