import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { SessionMessage } from '../../../client/protocol/session-types.js';
import { clients } from '../connection/connection.js';
import { eventTime, fullTime } from '../format/time.js';
import { timeMode } from '../settings/settings.js';
import { announce } from '../ui/announcer.js';
import { Problem } from '../ui/notice.js';
import { SessionLog } from './session-log.js';

/** The messages of one session, and a box to write in. */
export function SessionPage({ sessionId }: { readonly sessionId: string }) {
  const { hub } = clients.value;
  const [log, setLog] = useState<SessionLog>();
  useEffect(() => {
    document.title = `${sessionId} · Opstream`;
    const opened = new SessionLog(hub, sessionId);
    setLog(opened);
    return () => opened.close();
  }, [hub, sessionId]);
  return log ? <Shown log={log} /> : null;
}

function Shown({ log }: { readonly log: SessionLog }) {
  const list = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  const messages = log.messages.value;
  const last = messages.at(-1)?.seq;
  useLayoutEffect(() => {
    if (atEnd.current) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [last]);
  const info = log.info.value;
  return (
    <div class="session">
      <header class="operation-header">
        <div class="operation-title">
          <h1>{info?.purpose ?? log.session.id}</h1>
          <span class="id">{log.session.id}</span>
          <span class="spacer" />
          <span class="muted">{present(log.present.value)}</span>
        </div>
      </header>
      {log.problem.value !== undefined && <Problem message={log.problem.value} />}
      <ol
        class="messages"
        ref={list}
        tabIndex={0}
        aria-label="Messages"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          atEnd.current = scrollTop + clientHeight >= scrollHeight - 8;
        }}
      >
        {log.earlier.value && (
          <li>
            <button type="button" onClick={() => void log.more()}>
              Show earlier messages
            </button>
          </li>
        )}
        {messages.map((message) => (
          <Message key={message.seq} message={message} start={info?.created_at ?? message.timestamp} />
        ))}
        {info !== undefined && messages.length === 0 && <li class="muted">Nothing has been said yet.</li>}
      </ol>
      {info?.closed_at === null || info === undefined ? (
        <Writer log={log} />
      ) : (
        <p class="writer muted">This session is closed.</p>
      )}
    </div>
  );
}

function Message({ message, start }: { readonly message: SessionMessage; readonly start: number }) {
  const { sender, sender_type: senderType, content, visibility, timestamp } = message;
  return (
    <li class={`message by-${senderType === 'agent' ? 'agent' : 'person'}`}>
      <div class="message-head">
        <strong>{sender}</strong>
        {visibility !== 'public' && <span class="tag">{visibility.replace('_', ' ')}</span>}
        <time class="muted" title={fullTime(timestamp, timeMode.value)}>
          {eventTime(timeMode.value === 'gap' ? 'local' : timeMode.value, timestamp, start, undefined)}
        </time>
      </div>
      <p>{content}</p>
    </li>
  );
}

function Writer({ log }: { readonly log: SessionLog }) {
  const text = useSignal('');
  const busy = useSignal(false);
  const send = async (): Promise<void> => {
    const content = text.value.trim();
    if (content === '' || busy.value) return;
    busy.value = true;
    try {
      await log.send(content);
      text.value = '';
    } catch (thrown) {
      announce((thrown as Error).message);
    } finally {
      busy.value = false;
    }
  };
  return (
    <form
      class="writer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <label>
        <span class="visually-hidden">Message</span>
        <textarea
          rows={2}
          placeholder="Write to everyone in this session. Enter sends, Shift+Enter breaks the line."
          value={text.value}
          onInput={({ currentTarget }) => (text.value = currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            void send();
          }}
        />
      </label>
      <button type="submit" class="primary" disabled={busy.value}>
        Send
      </button>
    </form>
  );
}

function present(participants: readonly { agent_id: string; connections: number }[]): string {
  if (participants.length === 0) return '';
  return `Connected: ${participants.map(({ agent_id: id }) => id).join(', ')}`;
}
