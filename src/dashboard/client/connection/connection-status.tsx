import { useEffect } from 'preact/hooks';
import { now } from '../ui/clock.js';
import { reconnect, reconnected, state } from './connection.js';

/** How long the good news of a reconnect stays, in milliseconds. */
const GOOD_NEWS_MS = 8000;

/** The state of the connection, in the header of every page. */
export function ConnectionStatus() {
  const current = state.value;
  const back = reconnected.value;
  useEffect(() => {
    if (!back) return undefined;
    const timer = setTimeout(() => {
      if (reconnected.value === back) reconnected.value = undefined;
    }, GOOD_NEWS_MS);
    return () => clearTimeout(timer);
  }, [back]);
  return (
    <a class={`connection is-${current.kind}`} href="#/connection">
      <span class="connection-dot" aria-hidden="true" />
      <span role="status">
        {current.kind === 'open' && back ? nothingMissed(back.readOn) : WORDS[current.kind]}
      </span>
    </a>
  );
}

const WORDS = {
  connecting: 'Connecting',
  open: 'Live',
  lost: 'Reconnecting',
  refused: 'Not connected',
} as const;

function nothingMissed(events: number): string {
  if (events === 0) return 'Reconnected, nothing missed';
  return `Reconnected, nothing missed: ${events.toLocaleString('en')} ${events === 1 ? 'event' : 'events'} read on`;
}

/** Why there is no connection and what happens next, above the page. */
export function ConnectionBanner() {
  const current = state.value;
  if (current.kind === 'lost') {
    const seconds = Math.max(0, Math.ceil(current.retryAt / 1000 - now.value));
    return (
      <div class="banner is-lost" role="status">
        <span>
          The connection is lost. What you see may be out of date; nothing recorded meanwhile will be missed.
        </span>
        <span class="muted">{seconds > 0 ? `Next attempt in ${seconds} s` : 'Connecting …'}</span>
        <button type="button" onClick={reconnect}>
          Connect now
        </button>
      </div>
    );
  }
  if (current.kind === 'refused') {
    return (
      <div class="banner is-refused" role="alert">
        <span>{current.message}</span>
        <a href="#/connection">Connection and token</a>
      </div>
    );
  }
  return null;
}
