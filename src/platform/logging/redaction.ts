/** Detects secrets by name, by form, and by schema; for logs and recorded events. */

const CENSOR = '[REDACTED]';
/** Values nested deeper are not shown at all. */
const MAX_DEPTH = 16;

/** Words that mark a name as secret, anywhere in it: `client_secret`, `userPassword`, `X-Auth-Token`. */
const SECRET_WORDS = new Set(
  (
    'password passwords passwd passphrase passcode pwd pass secret secrets token tokens credential credentials ' +
    'authorization cookie cookies jwt jwts ssn cvv cvc apikey apikeys passwordhash privatekey accesstoken ' +
    'refreshtoken creditcard cardnumber bearer'
  ).split(' '),
);
/** `key` is secret on its own and with one of these words; `sort_key` and `primary_key` are not. */
const KEY_QUALIFIERS = new Set(
  'api access private secret signing signature encryption auth ssh service master account client app session webhook x'.split(
    ' ',
  ),
);

const JWT = /\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g;
const BEARER = /\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi;
const IN_URL = /([?&](?:token|access_token|api_?key|key|secret|password|code)=)[^&\s"'#]+/gi;

/** A quick test: text without any of this cannot match the patterns above, and most text has none of it. */
const SUSPECT = /eyJ|(?:bearer|basic)\s|[?&\u0080-\u009f]/i;

/** Names are few and recur with every call. */
const MAX_KNOWN_NAMES = 1000;
const MAX_KNOWN_LENGTH = 64;
const knownNames = new Map<string, boolean>();

/** The part of a JSON Schema that marks secrets. */
interface Described {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly items?: unknown;
  readonly writeOnly?: unknown;
  readonly format?: unknown;
}

/**
 * Returns a copy without secrets at any depth. Errors and other class instances are kept.
 * @param schema of the value, if there is one: `writeOnly` and `format: password` mark secrets
 */
export function redacted(value: unknown, schema?: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  const described = (typeof schema === 'object' && schema !== null ? schema : {}) as Described;
  if (Array.isArray(value)) {
    if (depth === MAX_DEPTH) return CENSOR;
    return value.map((item: unknown) => redacted(item, described.items, depth + 1));
  }
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  if (depth === MAX_DEPTH) return CENSOR;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const own = Object.hasOwn(described.properties ?? {}, name) ? described.properties![name] : undefined;
      const isSecret = isMarked(own) || isSecretMember(name, member);
      return [name, isSecret ? CENSOR : redacted(member, own, depth + 1)];
    }),
  );
}

/** Removes what looks like a credential and escapes terminal control characters. */
export function withoutSecrets(text: string): string {
  if (!SUSPECT.test(text)) return text;
  return text
    .replace(JWT, CENSOR)
    .replace(BEARER, `$1 ${CENSOR}`)
    .replace(IN_URL, `$1${CENSOR}`)
    .replace(/[\u0080-\u009f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

/** Whether a name indicates that its value is secret. */
export function isSecretName(name: string): boolean {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const isSecret = saysSecret(name);
  if (knownNames.size < MAX_KNOWN_NAMES && name.length <= MAX_KNOWN_LENGTH) knownNames.set(name, isSecret);
  return isSecret;
}

function saysSecret(name: string): boolean {
  const words = wordsOf(name);
  if (words.length === 1 && (words[0] === 'key' || words[0] === 'keys')) return true;
  if (words.some((word) => SECRET_WORDS.has(word)) || SECRET_WORDS.has(words.join(''))) return true;
  if (words.some((word, at) => SECRET_WORDS.has(word + (words[at + 1] ?? '')))) return true;
  return words.some(
    (word, at) =>
      (word === 'key' || word === 'keys') &&
      at > 0 &&
      words.slice(0, at).some((before) => KEY_QUALIFIERS.has(before)),
  );
}

/** `max_tokens: 100` is a count; any other member with a secret name is hidden. */
function isSecretMember(name: string, value: unknown): boolean {
  if (!isSecretName(name)) return false;
  return !((typeof value === 'number' || typeof value === 'boolean') && /tokens?$/i.test(name));
}

function isMarked(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  const { writeOnly, format } = schema as Described;
  return writeOnly === true || format === 'password';
}

function wordsOf(name: string): string[] {
  return name
    .slice(0, 200)
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== '');
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
