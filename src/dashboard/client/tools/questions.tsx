import { useSignal } from '@preact/signals';
import { FormFields } from './form-fields.js';
import { argumentsOf, fieldsOf, isRecord, type Json } from './tool-form.js';
import type { ToolResult } from './mcp-client.js';
import type { ToolCall } from './tool-call.js';

interface Props {
  readonly call: ToolCall;
  readonly requests: NonNullable<ToolResult['inputRequests']>;
  readonly state: Json | undefined;
}

/** Questions that a tool asks before it goes on: a form for each, answered together. */
export function Questions({ call, requests, state }: Props) {
  const texts = useSignal<Readonly<Record<string, Record<string, string>>>>({});
  const problems = useSignal<Readonly<Record<string, Record<string, string>>>>({});
  const answer = (action: 'accept' | 'decline'): void => {
    const responses: Record<string, Json> = {};
    const wrong: Record<string, Record<string, string>> = {};
    for (const [key, { params }] of Object.entries(requests)) {
      if (action === 'decline') {
        responses[key] = { action };
        continue;
      }
      const meant = argumentsOf(fieldsFor(params), { ...initialOf(params), ...texts.value[key] });
      if ('problems' in meant) wrong[key] = { ...meant.problems };
      else responses[key] = { action, content: meant.values };
    }
    problems.value = wrong;
    if (Object.keys(wrong).length > 0) return;
    void call.run({ inputResponses: responses, ...(state !== undefined && { requestState: state }) });
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        answer('accept');
      }}
    >
      {Object.entries(requests).map(([key, { params }]) => (
        <fieldset key={key}>
          <legend>{typeof params.message === 'string' ? params.message : key}</legend>
          <FormFields
            fields={fieldsFor(params)}
            texts={{ ...initialOf(params), ...texts.value[key] }}
            problems={problems.value[key] ?? {}}
            onChange={(name, text) =>
              (texts.value = { ...texts.value, [key]: { ...texts.value[key], [name]: text } })
            }
          />
        </fieldset>
      ))}
      <div class="buttons">
        <button type="submit" class="primary">
          Answer
        </button>
        <button type="button" onClick={() => answer('decline')}>
          Decline
        </button>
      </div>
    </form>
  );
}

function fieldsFor(params: Record<string, unknown>) {
  return fieldsOf(isRecord(params.requestedSchema) ? params.requestedSchema : {}) ?? [];
}

function initialOf(params: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(fieldsFor(params).map(({ name, initial }) => [name, initial]));
}
