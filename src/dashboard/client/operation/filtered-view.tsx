import { useEffect, useRef, useState } from 'preact/hooks';
import { useSignal, useSignalEffect } from '@preact/signals';
import { useKeys } from '../keyboard/keys.js';
import type { Level } from '../log/level.js';
import { LogRow } from '../log/log-row.js';
import { RowList, type RowListHandle } from '../log/row-list.js';
import { nextTail, NOT_FOLLOWING, FOLLOWING, unseenText, type Tail, type TailEvent } from '../log/tail.js';
import { setQuery } from '../routing/router.js';
import { density, ROW_HEIGHTS, timeMode } from '../settings/settings.js';
import { Problem } from '../ui/notice.js';
import { FilteredLog } from './filtered-log.js';
import type { OperationLog } from './operation-log.js';

interface Props {
  readonly log: OperationLog;
  readonly level: Level;
  readonly query: string;
}

/** Only the warnings and errors of a log, or what else passes the filter, as one list. */
export function FilteredView({ log, level, query }: Props) {
  const [filtered, setFiltered] = useState<FilteredLog>();
  useEffect(() => {
    const opened = new FilteredLog(log.hub, log.operationId, { level, q: query });
    setFiltered(opened);
    return () => opened.close();
  }, [log, level, query]);
  return filtered ? <Matches key={`${level} ${query}`} log={log} filtered={filtered} query={query} /> : null;
}

interface MatchesProps {
  readonly log: OperationLog;
  readonly filtered: FilteredLog;
  readonly query: string;
}

function Matches({ log, filtered, query }: MatchesProps) {
  const tail = useSignal<Tail>(log.snapshot.value?.ended_at === null ? FOLLOWING : NOT_FOLLOWING);
  const open = useSignal<{ readonly seq: number; readonly extra: number } | undefined>(undefined);
  const list = useRef<RowListHandle | undefined>(undefined);
  const seen = useRef(0);
  /** The number of the first row; falls as earlier ones are read, so that the others keep theirs. */
  const top = useRef({ first: 1_000_000, head: undefined as number | undefined });
  const tell = (event: TailEvent): void => {
    tail.value = nextTail(tail.value, event);
  };
  useSignalEffect(() => {
    if (log.head.value > 0) filtered.grown();
  });
  const matches = filtered.matches.value;
  const last = matches.at(-1)?.seq ?? 0;
  useEffect(() => {
    const fresh = seen.current === 0 ? [] : matches.filter(({ seq }) => seq > seen.current);
    seen.current = last;
    if (fresh.length > 0)
      tell({
        type: 'appended',
        lines: fresh.length,
        errors: fresh.filter(({ event_type: type }) => type === 'error').length,
      });
  }, [last]);
  // Rows are numbered so that those on screen keep their place when earlier ones are put before them.
  const head = matches[0]?.seq;
  if (head !== undefined && head !== top.current.head) {
    const added =
      top.current.head === undefined ? 0 : matches.findIndex(({ seq }) => seq === top.current.head);
    top.current = { first: top.current.first - Math.max(0, added), head };
  }
  const { first } = top.current;
  const { following } = tail.value;
  const toEnd = (): void => {
    tell({ type: 'to_end' });
    list.current?.toEnd();
  };
  useEffect(() => list.current?.toEnd(), [matches.length > 0]);
  useKeys({
    f: () => (following ? tell({ type: 'paused' }) : toEnd()),
    G: toEnd,
    End: toEnd,
    g: () => {
      tell({ type: 'paused' });
      list.current?.toSeq(first);
    },
    Escape: () => setQuery({ level: undefined }),
  });
  const rowHeight = ROW_HEIGHTS[density.value];
  const unseen = unseenText(tail.value);
  return (
    <>
      <p class="log-note">
        {countText(filtered, matches.length)}
        {filtered.hasEarlier.value && (
          <button type="button" class="quiet" onClick={() => void filtered.earlier()}>
            Show earlier
          </button>
        )}
      </p>
      {filtered.problem.value !== undefined && (
        <Problem message={filtered.problem.value} retry={() => void filtered.earlier()} />
      )}
      <RowList
        geometry={{ first, last: first + matches.length - 1, rowHeight, open: open.value }}
        following={following}
        label="Matching lines of the log"
        handle={list}
        onUserScroll={(direction, atEnd) => tell({ type: 'scrolled', direction, atEnd })}
        onVisible={(rows) => {
          if (rows.first === first && filtered.hasEarlier.value) void filtered.earlier();
        }}
        row={(number, place) => {
          const event = matches[number - first];
          return (
            <LogRow
              key={number}
              seq={event?.seq ?? number}
              event={event}
              before={timeMode.value === 'gap' ? matches[number - first - 1] : undefined}
              top={place}
              height={rowHeight}
              start={log.snapshot.value?.started_at ?? 0}
              time={timeMode.value}
              open={open.value?.seq === number}
              chosen={false}
              current={false}
              isKept
              query={query}
              onToggle={() =>
                (open.value = open.value?.seq === number ? undefined : { seq: number, extra: 0 })
              }
              // The line among its neighbours.
              onChoose={(seq) => setQuery({ level: undefined, lines: String(seq) }, false)}
              onMeasure={(_seq, extra) => {
                if (open.value?.seq === number && open.value.extra !== extra)
                  open.value = { seq: number, extra };
              }}
            />
          );
        }}
      />
      {unseen && (
        <button type="button" class="pill" onClick={toEnd}>
          ↓ {unseen}
        </button>
      )}
    </>
  );
}

function countText(filtered: FilteredLog, shown: number): string {
  const total = filtered.total.value;
  if (total === undefined) return 'Searching …';
  if (shown === 0 && total === 0) return 'No line matches.';
  if (total === null) return `${shown.toLocaleString('en')} matching lines so far. `;
  return total === 1 ? '1 matching line. ' : `${total.toLocaleString('en')} matching lines. `;
}
