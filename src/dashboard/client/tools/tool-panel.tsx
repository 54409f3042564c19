import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { formatRoute } from '../routing/route.js';
import { CallView } from './call-view.js';
import { FormFields } from './form-fields.js';
import type { McpClient, Tool } from './mcp-client.js';
import { argumentsOf, fieldsOf, parsedArguments } from './tool-form.js';
import { ToolCall } from './tool-call.js';

/** One tool: what it does, a form for its arguments, and the call. */
export function ToolPanel({ tool, client }: { readonly tool: Tool; readonly client: McpClient }) {
  const fields = fieldsOf(tool.inputSchema);
  const asJson = useSignal(fields === undefined);
  const json = useSignal('{}');
  const texts = useSignal<Readonly<Record<string, string>>>(
    Object.fromEntries((fields ?? []).map(({ name, initial }) => [name, initial])),
  );
  const problems = useSignal<Readonly<Record<string, string>>>({});
  const call = useSignal<ToolCall | undefined>(undefined);
  const running = useRef<ToolCall | undefined>(undefined);
  // Leaving the page stops what was started on it.
  useEffect(() => () => running.current?.cancel(), []);

  const submit = (): void => {
    const meant = asJson.value || !fields ? parsedArguments(json.value) : argumentsOf(fields, texts.value);
    problems.value = 'problems' in meant ? meant.problems : {};
    if ('problems' in meant) return;
    call.value?.cancel();
    const started = new ToolCall(client, tool, meant.values);
    running.current = started;
    call.value = started;
    void started.run();
  };
  const switchForm = (): void => {
    if (!asJson.value && fields) {
      const meant = argumentsOf(fields, texts.value);
      if ('values' in meant) json.value = JSON.stringify(meant.values, null, 2);
    }
    asJson.value = !asJson.value;
    problems.value = {};
  };
  const isRunning = call.value?.state.value.kind === 'running';
  return (
    <section class="tool-panel" aria-label={tool.title ?? tool.name}>
      <h1>{tool.title ?? tool.name}</h1>
      {tool.title !== undefined && <p class="op-id">{tool.name}</p>}
      <p class="tool-description">{tool.description}</p>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {asJson.value || !fields ? (
          <label class="field">
            Arguments as JSON
            <textarea
              rows={6}
              spellcheck={false}
              value={json.value}
              aria-invalid={problems.value[''] !== undefined}
              onInput={({ currentTarget }) => (json.value = currentTarget.value)}
            />
            {problems.value[''] !== undefined && <span class="field-problem">{problems.value['']}</span>}
          </label>
        ) : (
          <FormFields
            fields={fields}
            texts={texts.value}
            problems={problems.value}
            onChange={(name, text) => (texts.value = { ...texts.value, [name]: text })}
          />
        )}
        <div class="buttons">
          <button type="submit" class="primary" disabled={isRunning}>
            Call
          </button>
          {isRunning && (
            <button type="button" class="danger" onClick={() => call.value?.cancel()}>
              Cancel the call
            </button>
          )}
          {fields && (
            <button type="button" class="quiet" aria-pressed={asJson.value} onClick={switchForm}>
              Write JSON
            </button>
          )}
          <span class="spacer" />
          <a href={formatRoute('operations', undefined, { type: `mcp.tool/${tool.name}` })}>
            Recorded calls of this tool
          </a>
        </div>
      </form>
      {call.value && <CallView call={call.value} />}
    </section>
  );
}
