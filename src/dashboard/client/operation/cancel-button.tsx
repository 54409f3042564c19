import { useRef } from 'preact/hooks';
import { clients } from '../connection/connection.js';
import { useKeys } from '../keyboard/keys.js';
import { announce } from '../ui/announcer.js';

/** Asks before it ends running work. */
export function CancelButton({ operationId }: { readonly operationId: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const ask = (): void => dialog.current?.showModal();
  const cancel = async (reason: string, children: boolean): Promise<void> => {
    dialog.current?.close();
    try {
      await clients.value.hub.cancelOperation(operationId, reason || undefined, { children });
      announce('Cancelled');
    } catch (thrown) {
      announce((thrown as Error).message);
    }
  };
  useKeys({ c: ask });
  return (
    <>
      <button type="button" class="danger" onClick={ask} title="c">
        Cancel
      </button>
      <dialog ref={dialog} aria-labelledby="cancel-title">
        <form
          method="dialog"
          onSubmit={(event) => {
            event.preventDefault();
            const data = new FormData(event.currentTarget);
            const reason = data.get('reason');
            void cancel(typeof reason === 'string' ? reason : '', data.has('children'));
          }}
        >
          <h2 id="cancel-title">Cancel this operation?</h2>
          <p>Its work is told to stop. What has been recorded stays.</p>
          <label class="field">
            Reason
            <input name="reason" maxLength={500} placeholder="Optional" />
          </label>
          <label class="check">
            <input type="checkbox" name="children" />
            Also cancel everything that runs below it
          </label>
          <div class="dialog-buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Keep running
            </button>
            <button type="submit" class="danger">
              Cancel the operation
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
