import { useState } from 'preact/hooks';
import { JsonTree } from '../ui/json-tree.js';
import { Elapsed } from '../ui/elapsed.js';
import { Questions } from './questions.js';
import type { ToolResult, WireMessage } from './mcp-client.js';
import type { CallLine, ToolCall } from './tool-call.js';

/** What a call says while it runs, and its result. */
export function CallView({ call }: { readonly call: ToolCall }) {
  const state = call.state.value;
  return (
    <div class="call" aria-live="polite">
      <h2>
        {state.kind === 'running' && (
          <>
            Running <Elapsed from={call.startedAt} seconds={null} />
          </>
        )}
        {state.kind === 'done' && headline(state.result)}
        {state.kind === 'failed' && 'Failed'}
        {state.kind === 'cancelled' && 'Cancelled'}
      </h2>
      <Progress call={call} />
      {call.lines.value.length > 0 && (
        <pre class="call-lines" tabIndex={0} aria-label="What the tool says">
          {call.lines.value.map(said).join('')}
        </pre>
      )}
      {state.kind === 'failed' && <p class="problem">{state.message}</p>}
      {state.kind === 'done' && state.result.inputRequests && (
        <Questions call={call} requests={state.result.inputRequests} state={state.result.requestState} />
      )}
      {state.kind === 'done' && <Result result={state.result} />}
      <Wire messages={call.wire.value} />
    </div>
  );
}

function headline({ isError, inputRequests }: ToolResult): string {
  if (inputRequests) return 'The tool asks';
  return isError ? 'The tool reports an error' : 'Result';
}

function Progress({ call }: { readonly call: ToolCall }) {
  const report = call.progress.value;
  if (!report) return null;
  const { progress, total } = report;
  const percent = total === undefined || total === 0 ? undefined : Math.min(100, (progress / total) * 100);
  return (
    <div class="progress is-running">
      {percent !== undefined && (
        <div
          class="bar"
          role="progressbar"
          aria-label="Progress of the call"
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.floor(percent)}
        >
          <div class="bar-fill" style={{ width: `${percent}%` }} />
        </div>
      )}
      <span class="muted">
        {progress}
        {total !== undefined && ` of ${total}`}
      </span>
    </div>
  );
}

function Result({ result }: { readonly result: ToolResult }) {
  return (
    <>
      {result.content.map((block, index) =>
        block.type === 'text' ? (
          <pre key={index} class={result.isError ? 'call-text is-error' : 'call-text'}>
            {String(block.text)}
          </pre>
        ) : (
          <JsonTree key={index} value={block as never} what="Content" />
        ),
      )}
      {result.structuredContent !== undefined && <JsonTree value={result.structuredContent} what="Result" />}
    </>
  );
}

/** A part of a text that streams in ends with white space; anything else is a line. */
function said({ level, text }: CallLine): string {
  const line = level === 'info' ? text : `[${level}] ${text}`;
  return /\s$/.test(line) ? line : `${line}\n`;
}

/** Every message of the call, as it went over the wire. */
function Wire({ messages }: { readonly messages: readonly WireMessage[] }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="wire" open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{messages.length} messages on the wire</summary>
      <ol>
        {(open ? messages : []).map(({ direction, message }, index) => (
          <li key={index}>
            <span class="muted">{direction === 'sent' ? '→ sent' : '← received'}</span>
            <pre>{JSON.stringify(message, null, 2)}</pre>
          </li>
        ))}
      </ol>
    </details>
  );
}
