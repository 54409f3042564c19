/** Names whose values never reach a log (S4-71), however they are written: `apiKey`, `api_key`, `X-API-Key`. */
const SECRET_NAMES = new Set(
  (
    'password token apikey xapikey secret authorization accesstoken refreshtoken key credential jwt jwtsecret ssn ' +
    'creditcard cardnumber cookie setcookie'
  ).split(' '),
);
const CENSOR = '[REDACTED]';
/** Below this depth nothing is shown at all. */
const MAX_DEPTH = 16;

/** A copy for the log, without secrets at any depth. Errors and other class instances are kept as they are. */
export function redacted(value: unknown, depth = 0): unknown {
  if (Array.isArray(value)) {
    return depth === MAX_DEPTH ? CENSOR : value.map((item: unknown) => redacted(item, depth + 1));
  }
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  if (depth === MAX_DEPTH) return CENSOR;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      isSecretName(name) ? CENSOR : redacted(member, depth + 1),
    ]),
  );
}

function isSecretName(name: string): boolean {
  return SECRET_NAMES.has(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
