import { signal } from '@preact/signals';

const message = signal('');
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a short message at the lower edge, and tells it to screen readers. */
export function announce(text: string): void {
  message.value = text;
  clearTimeout(timer);
  timer = setTimeout(() => (message.value = ''), 4000);
}

export function Announcer() {
  return (
    <div class="announcer" role="status" data-empty={message.value === ''}>
      {message.value}
    </div>
  );
}
