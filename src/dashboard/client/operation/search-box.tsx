import { useEffect, useRef } from 'preact/hooks';
import { useKeys } from '../keyboard/keys.js';
import { setQuery } from '../routing/router.js';
import { announce } from '../ui/announcer.js';
import { useTypedText } from '../ui/typed-text.js';
import type { LogSearch } from './log-search.js';

interface Props {
  readonly search: LogSearch;
  readonly query: string;
  /** Where the reader is, to go on from there. */
  readonly place: () => number;
  /** Whether matches are looked for one by one; a filter shows them all. */
  readonly steps: boolean;
}

/** Search of the whole log, in place of the browser's own, which sees only what is on screen. */
export function SearchBox({ search, query, place, steps }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useTypedText(query, field);
  useEffect(() => search.set(steps ? query : '', place()), [search, query, steps]);
  const select = (): void => field.current?.select();
  const step = async (forward: boolean): Promise<void> => {
    if (search.query.value === '') return;
    const from = search.current.value?.seq ?? place();
    const found = forward ? await search.next(from) : await search.previous(from);
    if (!found) announce(forward ? 'No further match' : 'No match before');
  };
  useKeys({
    '/': select,
    'Ctrl+F': select,
    n: () => void step(true),
    N: () => void step(false),
  });
  const write = (text: string): void => {
    setTyped(text);
    setQuery({ q: text });
  };
  return (
    <form
      class="search log-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void step(true);
      }}
    >
      <label>
        <span class="visually-hidden">Search the log</span>
        <input
          ref={field}
          type="search"
          maxLength={200}
          placeholder="Search  /"
          value={typed}
          onInput={({ currentTarget }) => write(currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && event.shiftKey) {
              event.preventDefault();
              void step(false);
            }
          }}
        />
      </label>
      {query !== '' && steps && (
        <>
          <span class="toolbar-count" role="status">
            {countOf(search)}
          </span>
          <button
            type="button"
            class="quiet"
            aria-label="Previous match"
            title="N"
            onClick={() => void step(false)}
          >
            ↑
          </button>
          <button
            type="button"
            class="quiet"
            aria-label="Next match"
            title="n"
            onClick={() => void step(true)}
          >
            ↓
          </button>
        </>
      )}
    </form>
  );
}

function countOf(search: LogSearch): string {
  if (search.problem.value !== undefined) return search.problem.value;
  const total = search.total.value;
  if (total === undefined) return 'Searching …';
  const index = search.current.value?.index;
  if (total === null) return search.searching.value ? 'Searching …' : 'many matches';
  if (total === 0) return 'No match';
  return index === undefined
    ? `${total.toLocaleString('en')} matches`
    : `${index.toLocaleString('en')} of ${total.toLocaleString('en')}`;
}
