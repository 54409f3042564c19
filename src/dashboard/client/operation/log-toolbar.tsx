import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { serviceUrl, token } from '../connection/connection.js';
import { TIME_LABELS, TIME_MODES, type TimeMode } from '../format/time.js';
import type { Level } from '../log/level.js';
import { timeMode } from '../settings/settings.js';
import type { OperationLog } from './operation-log.js';
import { downloadLog } from './download-log.js';

interface Props {
  readonly log: OperationLog;
  /** Undefined while only some lines are shown, which follow by themselves. */
  readonly following: boolean | undefined;
  readonly filter: Level | undefined;
  readonly search: ComponentChildren;
  readonly hasLines: boolean;
  readonly onFollow: () => void;
  readonly onFilter: () => void;
  readonly onJump: (seq: number) => void;
  readonly onCopy: () => void;
  readonly onCopyLink: () => void;
}

export function LogToolbar(props: Props) {
  const { log, following, filter, hasLines, onJump, onCopy, onCopyLink } = props;
  const [line, setLine] = useState('');
  const head = log.head.value;
  const stored = Math.max(0, head - log.first.value + 1);
  const raw = new URL(`api/operations/${encodeURIComponent(log.operationId)}/log`, serviceUrl).href;
  return (
    <div class="toolbar" role="toolbar" aria-label="Log">
      {following !== undefined && (
        <button type="button" aria-pressed={following} onClick={props.onFollow} title="f">
          {following ? 'Following' : 'Follow'}
        </button>
      )}
      {props.search}
      <Problems log={log} filter={filter} onFilter={props.onFilter} />
      <span class="toolbar-count">
        {stored.toLocaleString('en')} {stored === 1 ? 'line' : 'lines'}
      </span>
      <form
        class="jump"
        onSubmit={(event) => {
          event.preventDefault();
          const seq = Number(line.replaceAll(/\D/g, ''));
          if (seq > 0) onJump(seq);
        }}
      >
        <label>
          <span class="visually-hidden">Jump to line</span>
          <input
            inputMode="numeric"
            size={7}
            placeholder="Line"
            value={line}
            onInput={({ currentTarget }) => setLine(currentTarget.value)}
          />
        </label>
      </form>
      <label class="toolbar-time">
        <span class="visually-hidden">Times</span>
        <select
          value={timeMode.value}
          onChange={({ currentTarget }) => (timeMode.value = currentTarget.value as TimeMode)}
        >
          {TIME_MODES.map((mode) => (
            <option key={mode} value={mode}>
              {TIME_LABELS[mode]}
            </option>
          ))}
        </select>
      </label>
      <span class="spacer" />
      <details
        class="menu"
        onClick={({ currentTarget, target }) => {
          if (target instanceof Element && target.closest('button, a')) currentTarget.open = false;
        }}
      >
        <summary>Copy and save</summary>
        <div>
          <button type="button" class="quiet" onClick={onCopy}>
            {hasLines ? 'Copy chosen lines' : 'Copy view'}
          </button>
          <button type="button" class="quiet" onClick={onCopyLink} title="y">
            Copy link
          </button>
          <button type="button" class="quiet" onClick={() => void downloadLog(log.operationId)}>
            Download
          </button>
          {token.value === undefined && (
            <a class="quiet button" href={raw} target="_blank" rel="noreferrer">
              Raw
            </a>
          )}
        </div>
      </details>
    </div>
  );
}

/** Warnings and errors of the whole log, as a switch that shows nothing else. */
function Problems({ log, filter, onFilter }: Pick<Props, 'log' | 'filter' | 'onFilter'>) {
  const counts = log.snapshot.value?.log_counts;
  const parts = counts ? [counted(counts.error, 'error'), counted(counts.warning, 'warning')] : [];
  const text = parts.filter((part) => part !== '').join(', ');
  return (
    <button type="button" aria-pressed={filter !== undefined} onClick={onFilter} title="e">
      {text === '' ? 'Errors only' : text}
    </button>
  );
}

function counted(count: number, word: string): string {
  return count === 0 ? '' : `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;
}
