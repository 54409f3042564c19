import { useEffect, useRef, useState } from 'preact/hooks';
import { useComputed, useSignal } from '@preact/signals';
import { plainText } from '../log/event-text.js';
import { LEVELS } from '../log/level.js';
import { formatLines, includesLine, parseLines, selectLine, type LineRange } from '../log/line-links.js';
import { LogRow } from '../log/log-row.js';
import { grow, windowOf, type LogWindow } from '../log/log-window.js';
import { RowList, type RowListHandle } from '../log/row-list.js';
import { nextTail, NOT_FOLLOWING, unseenText, type Tail, type TailEvent } from '../log/tail.js';
import { useKeys } from '../keyboard/keys.js';
import { route, setQuery } from '../routing/router.js';
import { nextOf, ROW_HEIGHTS, density, timeMode } from '../settings/settings.js';
import { TIME_LABELS, TIME_MODES } from '../format/time.js';
import { announce } from '../ui/announcer.js';
import { copyText } from '../ui/copy.js';
import { FilteredView } from './filtered-view.js';
import { LiveCount } from './live-count.js';
import { LogSearch } from './log-search.js';
import { SearchBox } from './search-box.js';
import { LogToolbar } from './log-toolbar.js';
import type { OperationLog } from './operation-log.js';

/** The log of one operation: row n is event n. */
export function LogView({ log }: { readonly log: OperationLog }) {
  const lines = parseLines(route.value.query.lines);
  const tail = useSignal<Tail>(NOT_FOLLOWING);
  const around = useRef<LogWindow>({ first: 1, last: 0 });
  const [, redraw] = useState(0);
  const open = useSignal<{ readonly seq: number; readonly extra: number } | undefined>(undefined);
  const current = useSignal<number | undefined>(lines?.from);
  const list = useRef<RowListHandle | undefined>(undefined);
  const visible = useRef<LogWindow>({ first: 1, last: 0 });
  const count = useRef(new LiveCount(announce));
  const [opened, setOpened] = useState(false);
  const { q = '', level: wanted } = route.value.query;
  const filter = LEVELS.find((level) => level === wanted);
  const following = useComputed(() => tail.value.following).value;

  const tell = (event: TailEvent): void => {
    tail.value = nextTail(tail.value, event);
  };
  const jump = (seq: number, alsoChoose = true): void => {
    tell({ type: 'scrolled', direction: 'up', atEnd: false });
    const [firstSeq, headSeq] = [log.first.value, log.head.value];
    const target = Math.max(firstSeq, Math.min(headSeq, seq));
    const { first, last } = around.current;
    if (target < first || target > last) {
      around.current = windowOf(firstSeq, headSeq, target);
      redraw(target);
    }
    if (alsoChoose) current.value = target;
    // After the rows of the window have been laid out.
    requestAnimationFrame(() => list.current?.toSeq(target));
  };
  const toEnd = (): void => {
    current.value = undefined;
    tell({ type: 'to_end' });
    list.current?.toEnd();
  };

  useEffect(() => {
    log.onAppended = ({ lines: added, errors }) => {
      tell({ type: 'appended', lines: added, errors });
      count.current.add(added, errors);
    };
    return () => {
      log.onAppended = undefined;
      count.current.stop();
    };
  }, [log]);

  const [search] = useState(() => new LogSearch(log.hub, log.operationId, (seq) => jump(seq)));
  useEffect(() => () => search.close(), [search]);
  const place = (): number => current.value ?? visible.current.first;
  const switchFilter = (): void =>
    setQuery({ level: filter ? undefined : 'warning', lines: undefined }, false);

  const state = log.state.value.kind;
  useEffect(() => {
    if (opened || state !== 'ready') return;
    setOpened(true);
    const running = log.snapshot.value?.ended_at === null;
    around.current = windowOf(log.first.value, log.head.value, lines?.from);
    tell({ type: 'opened', running, atLine: lines !== undefined });
    if (lines) jump(lines.from);
    // An ended log is shown at its end, too: that is where the outcome is.
    else requestAnimationFrame(() => list.current?.toEnd());
  }, [state]);

  // A link to another line of the same operation, or Back.
  const chosenFrom = lines?.from;
  useEffect(() => {
    if (opened && chosenFrom !== undefined && chosenFrom !== current.value) jump(chosenFrom);
  }, [chosenFrom]);

  if (opened) {
    const size = { firstSeq: log.first.value, headSeq: log.head.value };
    around.current = grow(around.current, size, following);
  }

  const rowHeight = ROW_HEIGHTS[density.value];
  const geometry = { ...around.current, rowHeight, open: open.value };
  const toggle = (seq: number): void => {
    open.value = open.value?.seq === seq ? undefined : { seq, extra: 0 };
    if (open.value && following) tell({ type: 'paused' });
  };
  const measure = (seq: number, extra: number): void => {
    if (open.value?.seq === seq && open.value.extra !== extra) open.value = { seq, extra };
  };
  const choose = (seq: number, extend: boolean): void => {
    tell({ type: 'scrolled', direction: 'up', atEnd: false });
    current.value = seq;
    setQuery({ lines: formatLines(selectLine(lines, seq, extend)) }, false);
  };
  const step = (by: number): void => {
    const { first, last } = visible.current;
    const from = current.value ?? (by > 0 ? first - 1 : last + 1);
    const to = Math.max(log.first.value, Math.min(log.head.value, from + by));
    tell({ type: 'scrolled', direction: 'up', atEnd: false });
    current.value = to;
    if (to < first + 9 || to > last - 9) list.current?.toSeq(to);
  };
  const copyLink = async (): Promise<void> => {
    const range: LineRange | undefined =
      lines ?? (current.value ? { from: current.value, to: current.value } : undefined);
    if (range) setQuery({ lines: formatLines(range) });
    await copyText(location.href, 'Link');
  };
  const copyVisible = async (): Promise<void> => {
    const range = lines ?? { from: visible.current.first, to: visible.current.last };
    const text = [];
    for (let seq = range.from; seq <= range.to; seq++) {
      const event = log.pages.get(seq);
      if (event) text.push(plainText(event));
    }
    await copyText(text.join('\n'), `${text.length} lines`);
  };

  useKeys({
    e: switchFilter,
    j: () => step(1),
    k: () => step(-1),
    g: () => jump(log.first.value),
    G: toEnd,
    End: toEnd,
    Home: () => jump(log.first.value),
    f: () => (following ? tell({ type: 'paused' }) : toEnd()),
    t: () => {
      timeMode.value = nextOf(TIME_MODES, timeMode.value);
      announce(TIME_LABELS[timeMode.value]);
    },
    y: () => void copyLink(),
    Enter: () => {
      if (current.value !== undefined) toggle(current.value);
    },
    Escape: () => {
      open.value = undefined;
      setQuery({ lines: undefined });
    },
  });

  const start = log.snapshot.value?.started_at ?? 0;
  const unseen = unseenText(tail.value);
  const isCut = around.current.last - around.current.first + 1 < log.head.value - log.first.value + 1;
  return (
    <section class="log" aria-label="Log" data-version={log.version.value}>
      <LogToolbar
        log={log}
        following={filter ? undefined : following}
        filter={filter}
        search={<SearchBox search={search} query={q} place={place} steps={filter === undefined} />}
        onFilter={switchFilter}
        onFollow={() => (following ? tell({ type: 'paused' }) : toEnd())}
        onJump={jump}
        onCopy={() => void copyVisible()}
        onCopyLink={() => void copyLink()}
        hasLines={lines !== undefined}
      />
      {filter ? (
        <FilteredView log={log} level={filter} query={q} />
      ) : (
        <>
          {isCut && (
            <p class="log-cut">
              Rows {around.current.first.toLocaleString('en')} to {around.current.last.toLocaleString('en')}{' '}
              of {log.head.value.toLocaleString('en')}. Jump to a line to see another part.
            </p>
          )}
          <RowList
            geometry={geometry}
            following={following}
            label="Lines of the log"
            handle={list}
            onUserScroll={(direction, atEnd) => tell({ type: 'scrolled', direction, atEnd })}
            onVisible={(rows) => {
              visible.current = rows;
              log.pages.touch(rows.first, rows.last);
              void log.load(rows.first, rows.last);
            }}
            row={(seq, top) => (
              <LogRow
                key={seq}
                seq={seq}
                event={log.pages.get(seq)}
                before={timeMode.value === 'gap' ? log.pages.get(seq - 1) : undefined}
                top={top}
                height={rowHeight}
                start={start}
                time={timeMode.value}
                open={open.value?.seq === seq}
                chosen={includesLine(lines, seq)}
                current={current.value === seq}
                isKept={seq >= log.first.value}
                query={q}
                onToggle={toggle}
                onChoose={choose}
                onMeasure={measure}
              />
            )}
          />
          {unseen && (
            <button type="button" class="pill" onClick={toEnd}>
              ↓ {unseen}
            </button>
          )}
        </>
      )}
    </section>
  );
}
