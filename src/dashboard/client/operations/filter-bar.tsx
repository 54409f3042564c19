import { useEffect, useRef, useState } from 'preact/hooks';
import { useKeys } from '../keyboard/keys.js';
import { route, setQuery } from '../routing/router.js';

const STATES = [
  ['', 'All'],
  ['active', 'Running'],
  ['completed', 'Completed'],
  ['error', 'Failed'],
  ['cancelled', 'Cancelled'],
] as const;

/** The filters of the list. The address is where they are kept. */
export function FilterBar({
  shown,
  hasMore,
}: {
  readonly shown: number | undefined;
  readonly hasMore: boolean;
}) {
  const { status = '', type = '' } = route.value.query;
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(type);
  useEffect(() => setTyped(type), [type]);
  useEffect(() => {
    if (typed === type) return undefined;
    const timer = setTimeout(() => setQuery({ type: typed }), 250);
    return () => clearTimeout(timer);
  }, [typed]);
  const search = (): void => field.current?.select();
  useKeys({ '/': search, 'Ctrl+F': search });
  return (
    <div class="toolbar" role="group" aria-label="Filters">
      <div class="choices" role="group" aria-label="State">
        {STATES.map(([value, label]) => (
          <button
            key={value}
            type="button"
            aria-pressed={status === value}
            onClick={() => setQuery({ status: value }, false)}
          >
            {label}
          </button>
        ))}
      </div>
      <label class="search">
        <span class="visually-hidden">Type</span>
        <input
          ref={field}
          type="search"
          placeholder="Type  /"
          value={typed}
          onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        />
      </label>
      <span class="spacer" />
      <span class="toolbar-count">
        {!shown ? '' : `${shown.toLocaleString('en')}${hasMore ? '+' : ''} shown`}
      </span>
    </div>
  );
}
