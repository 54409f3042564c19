import { effect } from '@preact/signals';
import { notify } from '../settings/settings.js';
import type { OperationLog } from './operation-log.js';

/** Tells a reader who looks elsewhere that the operation has ended. @returns stops waiting for it */
export function endNotice(log: OperationLog): () => void {
  let wasRunning = false;
  return effect(() => {
    const snapshot = log.snapshot.value;
    if (!snapshot) return;
    if (snapshot.ended_at === null) {
      wasRunning = true;
      return;
    }
    if (!wasRunning) return;
    wasRunning = false;
    if (notify.peek() !== 'on' || document.visibilityState === 'visible') return;
    if (!('Notification' in globalThis) || Notification.permission !== 'granted') return;
    new Notification(`${snapshot.operation_type}: ${snapshot.status}`, {
      body: snapshot.error ?? snapshot.message,
      tag: snapshot.operation_id,
    });
  });
}
