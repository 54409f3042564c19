import { useEffect, useState } from 'preact/hooks';
import { fullTime } from '../format/time.js';
import { density, DENSITIES, notify, scheme, SCHEMES, timeMode } from '../settings/settings.js';
import { TIME_LABELS, TIME_MODES } from '../format/time.js';
import { now } from '../ui/clock.js';
import { Command } from '../ui/copy.js';
import { needsToken, reconnect, remembered, serviceUrl, state, token, applyToken } from './connection.js';
import { claimsOf } from './token-claims.js';

/** Where the page is connected to, as whom, and how it looks. */
export function ConnectionPage() {
  useEffect(() => {
    document.title = 'Connection · Opstream';
  }, []);
  return (
    <div class="page narrow">
      <h1>Connection</h1>
      <State />
      <TokenForm />
      <Appearance />
    </div>
  );
}

const STATES = {
  connecting: 'Connecting',
  open: 'Connected',
  lost: 'Connection lost, reconnecting',
  refused: 'Not connected',
} as const;

function State() {
  const current = state.value;
  return (
    <section class="part">
      <dl>
        <dt>Service</dt>
        <dd>
          <code>{serviceUrl}</code>
        </dd>
        <dt>State</dt>
        <dd class={`connection is-${current.kind}`}>
          <span class="connection-dot" aria-hidden="true" /> {STATES[current.kind]}
        </dd>
        <Bearer />
      </dl>
      {current.kind === 'refused' && <p class="problem">{current.message}</p>}
      {current.kind !== 'open' && (
        <button type="button" onClick={reconnect}>
          Connect now
        </button>
      )}
      <p>
        <a href={new URL('docs', serviceUrl).href}>API description</a> ·{' '}
        <a href={new URL('metrics', serviceUrl).href}>Metrics</a> ·{' '}
        <a href={new URL('health/details', serviceUrl).href}>Health</a>
      </p>
    </section>
  );
}

function Bearer() {
  if (token.value === undefined) {
    return (
      <>
        <dt>You are</dt>
        <dd>anonymous: no token is sent</dd>
      </>
    );
  }
  const claims = claimsOf(token.value);
  const expiresAt = claims?.expiresAt;
  return (
    <>
      <dt>You are</dt>
      <dd>
        {claims?.user ?? 'the owner of an API key'}
        {claims?.tenant !== undefined && ` (tenant ${claims.tenant})`}
      </dd>
      {expiresAt !== undefined && (
        <>
          <dt>Token</dt>
          <dd>
            {expiresAt < now.value ? 'expired ' : 'valid until '}
            {fullTime(expiresAt, timeMode.value)}
          </dd>
        </>
      )}
    </>
  );
}

function TokenForm() {
  const [typed, setTyped] = useState('');
  const [remember, setRemember] = useState(remembered.value);
  return (
    <section class="part">
      <h2>Token</h2>
      {needsToken.value && (
        <>
          <p>
            The service wants a token. Paste one, or an API key. Make a token where the service runs, with its
            secret:
          </p>
          <Command text="npx opstream token --user you" />
        </>
      )}
      <form
        class="token-form"
        onSubmit={(event) => {
          event.preventDefault();
          const given = typed.trim().replace(/^Bearer\s+/i, '');
          if (given === '') return;
          applyToken(given, remember);
          setTyped('');
        }}
      >
        <label class="field">
          Token or API key
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={typed}
            onInput={({ currentTarget }) => setTyped(currentTarget.value)}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={remember}
            onChange={({ currentTarget }) => setRemember(currentTarget.checked)}
          />
          Remember it in this browser. Otherwise it is forgotten with this tab.
        </label>
        <div class="buttons">
          <button type="submit" class="primary">
            Use this token
          </button>
          {token.value !== undefined && (
            <button type="button" onClick={() => applyToken(undefined, false)}>
              Forget the token
            </button>
          )}
        </div>
      </form>
    </section>
  );
}

/** Browsers ask the reader only in answer to a click. */
async function switchNotices(): Promise<void> {
  if (notify.value === 'on') {
    notify.value = 'off';
    return;
  }
  const allowed = 'Notification' in globalThis && (await Notification.requestPermission()) === 'granted';
  notify.value = allowed ? 'on' : 'off';
}

function Appearance() {
  return (
    <section class="part">
      <h2>Appearance</h2>
      <Choice
        label="Colours"
        values={SCHEMES}
        current={scheme.value}
        onChoose={(value) => (scheme.value = value)}
      />
      <Choice
        label="Density"
        values={DENSITIES}
        current={density.value}
        onChoose={(value) => (density.value = value)}
      />
      <Choice
        label="Times"
        values={TIME_MODES}
        names={TIME_LABELS}
        current={timeMode.value}
        onChoose={(value) => (timeMode.value = value)}
      />
      <label class="check">
        <input type="checkbox" checked={notify.value === 'on'} onChange={() => void switchNotices()} />
        Notify me when an operation I look at ends while this page is hidden
      </label>
    </section>
  );
}

function Choice<Value extends string>({
  label,
  values,
  names,
  current,
  onChoose,
}: {
  readonly label: string;
  readonly values: readonly Value[];
  readonly names?: Readonly<Record<Value, string>>;
  readonly current: Value;
  readonly onChoose: (value: Value) => void;
}) {
  return (
    <div class="choice">
      <span id={`choice-${label}`}>{label}</span>
      <div class="choices" role="group" aria-labelledby={`choice-${label}`}>
        {values.map((value) => (
          <button key={value} type="button" aria-pressed={value === current} onClick={() => onChoose(value)}>
            {names?.[value] ?? value}
          </button>
        ))}
      </div>
    </div>
  );
}
