import { signal } from '@preact/signals';

/** Unix seconds, for durations of what still runs. Stands still while the page is hidden. */
export const now = signal(Date.now() / 1000);

setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now() / 1000;
}, 1000);
addEventListener('visibilitychange', () => {
  now.value = Date.now() / 1000;
});
