import { useSignal } from '@preact/signals';
import { listTime } from '../format/time.js';
import { formatRoute } from '../routing/route.js';
import { timeMode } from '../settings/settings.js';
import { announce } from '../ui/announcer.js';
import type { Delivery, Webhook, WebhooksApi } from './webhooks-api.js';

interface Props {
  readonly api: WebhooksApi;
  readonly webhook: Webhook;
  readonly onChange: () => void;
}

/** One webhook, what it was told, and what can be done with it. */
export function WebhookCard({ api, webhook, onChange }: Props) {
  const { id, url, description, events, operation_type: type, enabled, configured } = webhook;
  const deliveries = useSignal<readonly Delivery[] | undefined>(undefined);
  const confirming = useSignal(false);
  const act = async (work: () => Promise<unknown>, done: string): Promise<void> => {
    try {
      await work();
      announce(done);
      if (deliveries.value !== undefined) deliveries.value = await api.deliveries(id);
      onChange();
    } catch (thrown) {
      announce((thrown as Error).message);
    }
  };
  const remove = (): void => {
    if (confirming.value) {
      // They go with it.
      deliveries.value = undefined;
      void act(() => api.remove(id), 'Removed');
    }
    confirming.value = !confirming.value;
  };
  return (
    <section class="part webhook" aria-label={url}>
      <h2>{url}</h2>
      {description !== '' && <p>{description}</p>}
      <p class="muted">
        {events.join(', ')} · {type ?? 'any type'}
        {configured && ' · from the configuration'}
      </p>
      {!enabled && <p class="problem">Off. {webhook.disabled_reason}</p>}
      <div class="buttons">
        <button type="button" onClick={() => void act(() => api.test(id), 'A test message is on its way')}>
          Send a test
        </button>
        <button
          type="button"
          aria-expanded={deliveries.value !== undefined}
          onClick={() =>
            deliveries.value === undefined
              ? void api.deliveries(id).then(
                  (read) => (deliveries.value = read),
                  (thrown: Error) => announce(thrown.message),
                )
              : (deliveries.value = undefined)
          }
        >
          Deliveries
        </button>
        {!configured && (
          <>
            <button
              type="button"
              onClick={() => void act(() => api.enable(id, !enabled), enabled ? 'Off' : 'On')}
            >
              {enabled ? 'Turn off' : 'Turn on'}
            </button>
            <button type="button" class="danger" onClick={remove}>
              {confirming.value ? 'Remove with its deliveries?' : 'Remove'}
            </button>
          </>
        )}
      </div>
      {deliveries.value?.length === 0 && <p class="muted">Nothing has been sent yet.</p>}
      {deliveries.value !== undefined && deliveries.value.length > 0 && (
        <ul class="deliveries">
          {deliveries.value.map((delivery) => (
            <DeliveryRow
              key={delivery.id}
              delivery={delivery}
              onRepeat={() => void act(() => api.repeat(id, delivery.id), 'Sent again')}
            />
          ))}
        </ul>
      )}
    </section>
  );
}

function DeliveryRow({ delivery, onRepeat }: { readonly delivery: Delivery; readonly onRepeat: () => void }) {
  const { event, operation_id: operationId, state, attempts, created_at: at } = delivery;
  return (
    <li>
      <time class="muted">{listTime(at, timeMode.value, Date.now() / 1000)}</time>
      <span>{event}</span>
      {operationId !== null && <a href={formatRoute('operations', operationId)}>{operationId}</a>}
      <span class={`delivery is-${state}`}>
        {state}, {attempts} {attempts === 1 ? 'attempt' : 'attempts'}
      </span>
      <span class="spacer" />
      <button type="button" class="quiet" onClick={onRepeat}>
        Send again
      </button>
    </li>
  );
}
