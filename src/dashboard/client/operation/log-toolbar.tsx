import { useState } from 'preact/hooks';
import { serviceUrl, token } from '../connection/connection.js';
import { TIME_LABELS, TIME_MODES, type TimeMode } from '../format/time.js';
import { timeMode } from '../settings/settings.js';
import type { OperationLog } from './operation-log.js';
import { downloadLog } from './download-log.js';

interface Props {
  readonly log: OperationLog;
  readonly following: boolean;
  readonly hasLines: boolean;
  readonly onFollow: () => void;
  readonly onJump: (seq: number) => void;
  readonly onCopy: () => void;
  readonly onCopyLink: () => void;
}

export function LogToolbar({ log, following, hasLines, onFollow, onJump, onCopy, onCopyLink }: Props) {
  const [line, setLine] = useState('');
  const head = log.head.value;
  const stored = Math.max(0, head - log.first.value + 1);
  const raw = new URL(`api/operations/${encodeURIComponent(log.operationId)}/log`, serviceUrl).href;
  return (
    <div class="toolbar" role="toolbar" aria-label="Log">
      <button type="button" aria-pressed={following} onClick={onFollow} title="f">
        {following ? 'Following' : 'Follow'}
      </button>
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
