import { useEffect, useState } from 'preact/hooks';
import { useSignalEffect } from '@preact/signals';
import type { OperationSnapshot } from '../../../client/protocol/operation-events.js';
import { clients } from '../connection/connection.js';
import { Empty, Problem } from '../ui/notice.js';
import { stateOf, type StateName } from '../ui/state-badge.js';
import { Details } from './details.js';
import { endNotice } from './end-notice.js';
import { LogView } from './log-view.js';
import { OperationHeader } from './operation-header.js';
import { OperationLog } from './operation-log.js';

/** One operation: what it is, how far it is, its log, and how it ended. */
export function OperationPage({ operationId }: { readonly operationId: string }) {
  const { hub } = clients.value;
  const [log, setLog] = useState<OperationLog>();
  useEffect(() => {
    const opened = new OperationLog(hub, operationId);
    setLog(opened);
    return () => opened.close();
  }, [hub, operationId]);
  useEffect(() => (log ? endNotice(log) : undefined), [log]);
  return log?.operationId === operationId ? <Shown key={operationId} log={log} /> : <Loading />;
}

function Shown({ log }: { readonly log: OperationLog }) {
  const [tab, setTab] = useState<'log' | 'details'>('log');
  useSignalEffect(() => {
    document.title = titleOf(log.snapshot.value, log.operationId);
  });
  const state = log.state.value;
  if (state.kind === 'missing') {
    return (
      <Empty title="There is no such operation">
        <p>
          Nothing is known of <code>{log.operationId}</code>. It may have been removed to make room for newer
          ones, or it belongs to someone else.
        </p>
        <p>
          <a href="#/operations">All operations</a>
        </p>
      </Empty>
    );
  }
  const snapshot = log.snapshot.value;
  if (!snapshot) return state.kind === 'failed' ? <Failed log={log} message={state.message} /> : <Loading />;
  return (
    <div class="operation" data-tab={tab}>
      <OperationHeader log={log} snapshot={snapshot} />
      {state.kind === 'failed' && <Failed log={log} message={state.message} />}
      <div class="tabs" role="group" aria-label="Parts of the operation">
        {(['log', 'details'] as const).map((name) => (
          <button key={name} type="button" aria-pressed={tab === name} onClick={() => setTab(name)}>
            {name === 'log' ? 'Log' : 'Details'}
          </button>
        ))}
      </div>
      <div class="operation-body">
        <LogView log={log} />
        <Details log={log} snapshot={snapshot} />
      </div>
    </div>
  );
}

function Failed({ log, message }: { readonly log: OperationLog; readonly message: string }) {
  return <Problem message={message} retry={() => void log.reload()} />;
}

function Loading() {
  return <div class="loading" aria-busy="true" aria-label="Loading" />;
}

const ENDINGS: Readonly<Record<StateName, string>> = {
  running: '',
  input: '? ',
  completed: '✓ ',
  error: '✕ ',
  cancelled: '– ',
};

/** The title of the tab tells how far the operation is, and how it ended. */
function titleOf(snapshot: OperationSnapshot | undefined, operationId: string): string {
  if (!snapshot) return `${operationId} · Opstream`;
  const { progress, operation_type: type } = snapshot;
  const state = stateOf(snapshot);
  const share = state === 'running' && progress > 0 ? `${Math.floor(progress * 100)} % ` : '';
  return `${ENDINGS[state]}${share}${type} · Opstream`;
}
