import type { OperationEvent } from './sdk.js';
import { memo } from '../ui/memo.js';
import { eventTime, fullTime, type TimeMode } from '../format/time.js';
import { JsonTree } from '../ui/json-tree.js';
import { ansiSpans } from './ansi.js';
import { textOf } from './event-text.js';

interface Props {
  readonly seq: number;
  readonly event: OperationEvent | undefined;
  /** The event before, for the gap between both. */
  readonly before: OperationEvent | undefined;
  readonly top: number;
  readonly height: number;
  readonly start: number;
  readonly time: TimeMode;
  readonly open: boolean;
  readonly chosen: boolean;
  readonly current: boolean;
  readonly isKept: boolean;
  readonly query: string;
  /** Shown in front, where rows of several operations are mixed. */
  readonly source?: string | undefined;
  readonly sourceHref?: string | undefined;
  readonly onToggle: (seq: number) => void;
  readonly onChoose?: ((seq: number, extend: boolean) => void) | undefined;
  readonly onMeasure: (seq: number, extra: number) => void;
}

/** One event. Its text never becomes HTML: spans with classes and text nodes are all there is. */
export const LogRow = memo(function LogRow(props: Props) {
  const { seq, event, top, height, open, chosen, current, onChoose } = props;
  const style = { transform: `translateY(${top}px)`, ...(!open && { height: `${height}px` }) };
  if (!event) {
    const text = props.isKept ? '' : 'no longer kept';
    return (
      <div class="row is-absent" style={style}>
        <span class="row-seq">{seq}</span>
        <span class="row-text muted">{text}</span>
      </div>
    );
  }
  const { level, line, full, details } = textOf(event);
  const canOpen = full !== undefined || details !== undefined || line.length > LONG_LINE;
  const classes = ['row', `is-${level}`, `type-${event.event_type}`];
  if (open) classes.push('is-open');
  if (chosen) classes.push('is-chosen');
  if (current) classes.push('is-current');
  return (
    <div
      class={classes.join(' ')}
      style={style}
      data-seq={seq}
      ref={
        open
          ? (element) => {
              if (element) props.onMeasure(seq, element.offsetHeight - height);
            }
          : undefined
      }
    >
      <div class="row-line" style={{ height: `${height}px` }}>
        {onChoose ? (
          <button
            type="button"
            class="row-seq"
            tabIndex={-1}
            aria-label={`Link to line ${seq}`}
            onClick={(click) => onChoose(seq, click.shiftKey)}
          >
            {seq}
          </button>
        ) : (
          <a class="row-source" href={props.sourceHref} tabIndex={-1} title={props.source}>
            {props.source}
          </a>
        )}
        <time class="row-time" title={fullTime(event.timestamp, props.time)}>
          {eventTime(props.time, event.timestamp, props.start, props.before?.timestamp)}
        </time>
        <span class="row-kind">{kindOf(event.event_type, level)}</span>
        <span class="row-text">
          <Line text={line} query={props.query} />
        </span>
        {canOpen && (
          <button
            type="button"
            class="row-open"
            tabIndex={-1}
            aria-expanded={open}
            aria-label={open ? 'Close' : 'Show in full'}
            onClick={() => props.onToggle(seq)}
          >
            {open ? '−' : '+'}
          </button>
        )}
      </div>
      {open && (
        <div class="row-full">
          {(full !== undefined || line.length > LONG_LINE) && (
            <pre>
              <Line text={full ?? line} query={props.query} />
            </pre>
          )}
          {details && <JsonTree value={details} what="Details" />}
        </div>
      )}
    </div>
  );
});

/** Characters that may not fit on a screen. */
export const LONG_LINE = 60;

const KINDS: Readonly<Record<string, string>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
};

function kindOf(type: OperationEvent['event_type'], level: string): string {
  return type === 'log' ? KINDS[level]! : type;
}

/** Text with its colours, and with matches of a search marked. */
function Line({ text, query }: { readonly text: string; readonly query: string }) {
  return (
    <>
      {ansiSpans(text).map(({ text: part, className }, index) =>
        className === '' ? (
          <Marked key={index} text={part} query={query} />
        ) : (
          <span key={index} class={className}>
            <Marked text={part} query={query} />
          </span>
        ),
      )}
    </>
  );
}

function Marked({ text, query }: { readonly text: string; readonly query: string }) {
  if (query === '') return <>{text}</>;
  const wanted = query.toLowerCase();
  const lower = text.toLowerCase();
  // Lower case may be longer than the text itself, e.g. for İ; such text is shown without marks.
  if (lower.length !== text.length) return <>{text}</>;
  const parts = [];
  let end = 0;
  for (let at = lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, end)) {
    parts.push(text.slice(end, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>);
    end = at + wanted.length;
  }
  parts.push(text.slice(end));
  return <>{parts}</>;
}
