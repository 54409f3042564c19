import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { clients, connections } from '../connection/connection.js';
import { Command } from '../ui/copy.js';
import { Empty, Problem } from '../ui/notice.js';
import { WebhookCard } from './webhook-card.js';
import { EVENTS, WebhooksApi, type Webhook } from './webhooks-api.js';

/** Addresses that are told of the ends of operations. */
export function WebhooksPage() {
  const { rest } = clients.value;
  const api = new WebhooksApi(rest);
  const webhooks = useSignal<readonly Webhook[] | undefined>(undefined);
  const secret = useSignal<string | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const read = async (): Promise<void> => {
    try {
      webhooks.value = await api.list();
      problem.value = undefined;
    } catch (thrown) {
      problem.value = (thrown as Error).message;
    }
  };
  useEffect(() => {
    document.title = 'Webhooks · Opstream';
    void read();
  }, [rest, connections.value]);
  const create = async (form: HTMLFormElement): Promise<void> => {
    const data = new FormData(form);
    const text = (name: string): string => {
      const value = data.get(name);
      return typeof value === 'string' ? value.trim() : '';
    };
    try {
      const created = await api.create({
        url: text('url'),
        description: text('description'),
        events: EVENTS.filter((event) => data.has(event)),
        ...(text('type') !== '' && { operation_type: text('type') }),
      });
      secret.value = created.secret;
      form.reset();
      await read();
    } catch (thrown) {
      problem.value = (thrown as Error).message;
    }
  };
  return (
    <div class="page narrow">
      <h1>Webhooks</h1>
      {problem.value !== undefined && <Problem message={problem.value} retry={() => void read()} />}
      {secret.value !== undefined && (
        <section class="part" role="status">
          <h2>The secret of the new webhook</h2>
          <p>Its receiver verifies messages with it. It is shown only this once.</p>
          <Command text={secret.value} />
        </section>
      )}
      {webhooks.value?.map((webhook) => (
        <WebhookCard key={webhook.id} api={api} webhook={webhook} onChange={() => void read()} />
      ))}
      {webhooks.value?.length === 0 && (
        <Empty title="No webhooks yet">
          <p>A webhook is an address that is called when an operation ends. Add one below.</p>
        </Empty>
      )}
      {webhooks.value !== undefined && (
        <form
          class="part"
          onSubmit={(event) => {
            event.preventDefault();
            void create(event.currentTarget);
          }}
        >
          <h2>Add a webhook</h2>
          <label class="field">
            Address
            <input name="url" type="url" required placeholder="https://example.com/hook" />
          </label>
          <label class="field">
            Operation type
            <input name="type" placeholder="any; build, or mcp.tool/*" maxLength={200} />
          </label>
          <label class="field">
            Description
            <input name="description" maxLength={200} />
          </label>
          {EVENTS.map((event) => (
            <label class="check" key={event}>
              <input type="checkbox" name={event} defaultChecked />
              {event}
            </label>
          ))}
          <div class="buttons">
            <button type="submit" class="primary">
              Add webhook
            </button>
          </div>
        </form>
      )}
    </div>
  );
}
