import { useEffect, useRef } from 'preact/hooks';
import type { OperationCounts } from '../../../client/protocol/operation-events.js';
import { useKeys } from '../keyboard/keys.js';
import { route, setQuery } from '../routing/router.js';
import { useTypedText } from '../ui/typed-text.js';

/** How long typing must pause before the list is asked for, in milliseconds. */
const PAUSE_MS = 250;

const STATES = [
  ['', 'All', undefined],
  ['active', 'Running', 'running'],
  ['completed', 'Completed', 'completed'],
  ['error', 'Failed', 'error'],
  ['cancelled', 'Cancelled', 'cancelled'],
] as const;

interface Props {
  readonly shown: number | undefined;
  readonly hasMore: boolean;
  readonly counts: OperationCounts | undefined;
}

/** The filters of the list. The address is where they are kept. */
export function FilterBar({ shown, hasMore, counts }: Props) {
  const { status = '', errors, sort = '', parent, by } = route.value.query;
  const field = useRef<HTMLInputElement>(null);
  const search = (): void => field.current?.select();
  const switchErrors = (): void => setQuery({ errors: errors ? undefined : 'yes' }, false);
  useKeys({ '/': search, 'Ctrl+F': search, e: switchErrors });
  return (
    <div class="toolbar" role="group" aria-label="Filters">
      <div class="choices" role="group" aria-label="State">
        {STATES.map(([value, label, state]) => (
          <button
            key={value}
            type="button"
            aria-pressed={status === value}
            onClick={() => setQuery({ status: value }, false)}
          >
            {label}
            {counts && <span class="muted"> {countText(counts, state)}</span>}
          </button>
        ))}
      </div>
      <label class="search">
        <span class="visually-hidden">Id, type, message or metadata</span>
        <TextFilter name="q" placeholder="Search  /" input={field} />
      </label>
      <label class="search">
        <span class="visually-hidden">Type</span>
        <TextFilter name="type" placeholder="Type, or build/*" />
      </label>
      <button type="button" aria-pressed={errors === 'yes'} onClick={switchErrors} title="e">
        With errors
      </button>
      <label>
        <span class="visually-hidden">Order</span>
        <select value={sort} onChange={({ currentTarget }) => setQuery({ sort: currentTarget.value })}>
          <option value="">Newest first</option>
          <option value="updated">Last changed first</option>
          <option value="duration">Longest first</option>
        </select>
      </label>
      {parent !== undefined && <Chosen text={`Parts of ${parent}`} name="parent" />}
      {by !== undefined && <Chosen text={`Opened by ${by}`} name="by" />}
      <span class="spacer" />
      <span class="toolbar-count">
        {!shown ? '' : `${shown.toLocaleString('en')}${hasMore ? '+' : ''} shown`}
      </span>
    </div>
  );
}

function TextFilter({
  name,
  placeholder,
  input,
}: {
  readonly name: 'q' | 'type';
  readonly placeholder: string;
  readonly input?: { current: HTMLInputElement | null };
}) {
  const current = route.value.query[name] ?? '';
  const own = useRef<HTMLInputElement>(null);
  const field = input ?? own;
  const [typed, setTyped] = useTypedText(current, field);
  useEffect(() => {
    if (typed === current) return undefined;
    const timer = setTimeout(() => setQuery({ [name]: typed }), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <input
      ref={field}
      type="search"
      maxLength={200}
      placeholder={placeholder}
      value={typed}
      onInput={({ currentTarget }) => setTyped(currentTarget.value)}
    />
  );
}

/** A filter that a link has set, with a way to drop it. */
function Chosen({ text, name }: { readonly text: string; readonly name: string }) {
  return (
    <button type="button" aria-pressed="true" onClick={() => setQuery({ [name]: undefined }, false)}>
      {text} ✕
    </button>
  );
}

type StateCount = 'running' | 'completed' | 'error' | 'cancelled';

function countText(counts: OperationCounts, state: StateCount | undefined): string {
  const { running, completed, error, cancelled, incomplete } = counts;
  const count = state ? counts[state] : running + completed + error + cancelled;
  return `${count.toLocaleString('en')}${incomplete ? '+' : ''}`;
}
