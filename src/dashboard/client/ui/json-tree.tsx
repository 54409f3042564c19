import type { JsonValue } from '../../../client/json.js';
import { copyText } from './copy.js';

/** Members shown of one array or object; what is longer can be copied whole. */
const MAX_MEMBERS = 200;
const MAX_TEXT = 2000;

/** A JSON value as nested disclosures. */
export function JsonTree({ value, what }: { readonly value: JsonValue; readonly what: string }) {
  const text = (): string => JSON.stringify(value, null, 2);
  return (
    <div class="json">
      <button type="button" class="quiet json-copy" onClick={() => void copyText(text(), what)}>
        Copy JSON
      </button>
      <Value value={value} depth={0} />
    </div>
  );
}

function Value({ value, depth }: { readonly value: JsonValue | undefined; readonly depth: number }) {
  if (value === null || value === undefined || typeof value !== 'object') return <Scalar value={value} />;
  const entries = Object.entries(value);
  const isArray = Array.isArray(value);
  if (entries.length === 0) return <span class="json-empty">{isArray ? '[ ]' : '{ }'}</span>;
  return (
    <details open={depth < 2 && entries.length <= 50}>
      <summary>{isArray ? `[ ${entries.length} ]` : `{ ${entries.length} }`}</summary>
      <ul>
        {entries.slice(0, MAX_MEMBERS).map(([name, member]) => (
          <li key={name}>
            <span class="json-name">{name}</span> <Value value={member} depth={depth + 1} />
          </li>
        ))}
        {entries.length > MAX_MEMBERS && <li class="muted">and {entries.length - MAX_MEMBERS} more</li>}
      </ul>
    </details>
  );
}

function Scalar({ value }: { readonly value: string | number | boolean | bigint | null | undefined }) {
  if (typeof value !== 'string') return <span class="json-number">{String(value)}</span>;
  const isCut = value.length > MAX_TEXT;
  return (
    <span class="json-text">
      {isCut ? value.slice(0, MAX_TEXT) : value}
      {isCut && <span class="muted"> … {value.length - MAX_TEXT} more characters</span>}
    </span>
  );
}
