import { useEffect, useRef } from 'preact/hooks';
import { useSignal, type Signal } from '@preact/signals';
import { clients } from '../connection/connection.js';
import { useKeys } from '../keyboard/keys.js';
import { isEvent } from '../log/event-text.js';
import { LEVELS, type Level } from '../log/level.js';
import { LogRow } from '../log/log-row.js';
import { RowList, type RowListHandle } from '../log/row-list.js';
import type { OperationEvent } from '../log/sdk.js';
import { FOLLOWING, nextTail, unseenText, type Tail, type TailEvent } from '../log/tail.js';
import { formatLines } from '../log/line-links.js';
import { formatRoute } from '../routing/route.js';
import { route, setQuery } from '../routing/router.js';
import { density, ROW_HEIGHTS, timeMode } from '../settings/settings.js';
import { Problem } from '../ui/notice.js';
import { FirehoseBuffer, MAX_FOLLOWED } from './firehose-buffer.js';

const TYPES = ['status', 'progress', 'log', 'result', 'completed', 'error', 'cancelled'];

/** The events of all operations as they are recorded, from the moment the page is opened. */
export function EverythingPage() {
  const { hub } = clients.value;
  const buffer = useRef(new FirehoseBuffer());
  const version = useSignal(0);
  const problem = useSignal<string | undefined>(undefined);
  const tail = useSignal<Tail>(FOLLOWING);
  const open = useSignal<{ readonly seq: number; readonly extra: number } | undefined>(undefined);
  const list = useRef<RowListHandle | undefined>(undefined);
  const field = useRef<HTMLInputElement>(null);
  const { q = '', type = '', level = 'debug' } = route.value.query;
  const tell = (event: TailEvent): void => {
    tail.value = nextTail(tail.value, event);
  };

  useEffect(() => {
    document.title = 'Everything · Opstream';
    const stop = new AbortController();
    void readAll(hub.followAll({ signal: stop.signal }), (events) => {
      tell({ type: 'appended', ...buffer.current.add(events, tail.value.following) });
      version.value += 1;
    }).catch((thrown: unknown) => {
      if (!stop.signal.aborted) problem.value = (thrown as Error).message;
    });
    return () => stop.abort();
  }, [hub]);
  useEffect(() => {
    buffer.current.filter({ text: q, type, level: LEVELS.find((known) => known === level) ?? 'debug' });
    open.value = undefined;
    version.value += 1;
  }, [q, type, level]);

  const { following } = tail.value;
  const toEnd = (): void => {
    tell({ type: 'to_end' });
    list.current?.toEnd();
  };
  const search = (): void => field.current?.select();
  useKeys({
    '/': search,
    'Ctrl+F': search,
    e: () => setQuery({ level: level === 'warning' ? undefined : 'warning' }),
    f: () => (following ? tell({ type: 'paused' }) : toEnd()),
    G: toEnd,
    End: toEnd,
    g: () => {
      tell({ type: 'paused' });
      list.current?.toSeq(buffer.current.first);
    },
  });

  const rowHeight = ROW_HEIGHTS[density.value];
  const { first, last } = buffer.current;
  const unseen = unseenText(tail.value);
  return (
    <section class="log everything" aria-label="Everything" data-version={version.value}>
      <div class="toolbar" role="group" aria-label="Filters">
        <button
          type="button"
          aria-pressed={following}
          title="f"
          onClick={() => (following ? tell({ type: 'paused' }) : toEnd())}
        >
          {following ? 'Following' : 'Follow'}
        </button>
        <label class="search">
          <span class="visually-hidden">Text or operation</span>
          <input
            ref={field}
            type="search"
            placeholder="Text or operation  /"
            value={q}
            onInput={({ currentTarget }) => setQuery({ q: currentTarget.value })}
          />
        </label>
        <label>
          <span class="visually-hidden">Event type</span>
          <select value={type} onChange={({ currentTarget }) => setQuery({ type: currentTarget.value })}>
            <option value="">All events</option>
            {TYPES.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <LevelSelect level={level} />
        <span class="spacer" />
        <span class="toolbar-count">
          {(last - first + 1).toLocaleString('en')} of the latest {MAX_FOLLOWED.toLocaleString('en')}
        </span>
      </div>
      {problem.value !== undefined && <Problem message={problem.value} retry={() => location.reload()} />}
      {last < first && (
        <p class="waiting muted">
          Events of all operations appear here as they are recorded, from the moment you opened this page.
        </p>
      )}
      <RowList
        geometry={{ first, last, rowHeight, open: open.value }}
        following={following}
        label="Events"
        handle={list}
        onUserScroll={(direction, atEnd) => tell({ type: 'scrolled', direction, atEnd })}
        onVisible={nothing}
        row={(number, top) => eventRow(buffer.current, number, top, rowHeight, open, q)}
      />
      {unseen && (
        <button type="button" class="pill" onClick={toEnd}>
          ↓ {unseen}
        </button>
      )}
    </section>
  );
}

type Open = Signal<{ readonly seq: number; readonly extra: number } | undefined>;

function eventRow(
  buffer: FirehoseBuffer,
  number: number,
  top: number,
  height: number,
  open: Open,
  query: string,
) {
  const event = buffer.row(number);
  const time = timeMode.value === 'elapsed' ? 'local' : timeMode.value;
  return (
    <LogRow
      key={number}
      seq={number}
      event={event}
      before={time === 'gap' ? buffer.row(number - 1) : undefined}
      top={top}
      height={height}
      start={0}
      time={time}
      open={open.value?.seq === number}
      chosen={false}
      current={false}
      isKept={false}
      query={query}
      source={event?.operation_id}
      sourceHref={
        event &&
        formatRoute('operations', event.operation_id, {
          lines: formatLines({ from: event.seq, to: event.seq }),
        })
      }
      onToggle={(seq) => (open.value = open.value?.seq === seq ? undefined : { seq, extra: 0 })}
      onMeasure={(seq, extra) => {
        if (open.value?.seq === seq && open.value.extra !== extra) open.value = { seq, extra };
      }}
    />
  );
}

function LevelSelect({ level }: { readonly level: string }) {
  const names: Readonly<Record<Level, string>> = {
    debug: 'All levels',
    info: 'Info and above',
    warning: 'Warnings and errors',
    error: 'Errors',
  };
  return (
    <label>
      <span class="visually-hidden">Level</span>
      <select
        value={level}
        title="e"
        onChange={({ currentTarget: { value } }) =>
          setQuery({ level: value === 'debug' ? undefined : value })
        }
      >
        {LEVELS.map((name) => (
          <option key={name} value={name}>
            {names[name]}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Hands events over once per frame, or four times a second while the page is hidden. */
async function readAll(
  events: AsyncIterable<Parameters<typeof isEvent>[0]>,
  take: (events: OperationEvent[]) => void,
): Promise<void> {
  let pending: OperationEvent[] = [];
  const flush = (): void => {
    const ready = pending;
    pending = [];
    take(ready);
  };
  for await (const event of events) {
    if (!isEvent(event)) continue;
    pending.push(event);
    if (pending.length > 1) continue;
    if (document.visibilityState === 'visible') requestAnimationFrame(flush);
    else setTimeout(flush, 250);
  }
}

function nothing(): void {}
