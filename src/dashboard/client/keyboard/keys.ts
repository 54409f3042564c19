import { useEffect, useRef } from 'preact/hooks';

/** Keys of the dashboard, as shown by `?`. */
export const KEY_HELP: readonly (readonly [keys: string, action: string])[] = [
  ['j / k', 'Next / previous operation or line'],
  ['Enter', 'Open the operation, or the line in full'],
  ['/ or Ctrl+F', 'Search'],
  ['n / N', 'Next / previous match'],
  ['e', 'Errors and warnings only'],
  ['f', 'Follow the end of the log, or stop'],
  ['t', 'Next time format'],
  ['g / G', 'First / last line'],
  ['y', 'Copy a link to this place'],
  ['c', 'Cancel the operation (asks first)'],
  ['d', 'Switch density'],
  ['?', 'This list'],
  ['Esc', 'Close, or leave the field'],
];

export type KeyMap = Readonly<Record<string, (event: KeyboardEvent) => void>>;

const layers: (() => KeyMap)[] = [];

addEventListener('keydown', (event) => {
  const name = keyName(event);
  if (name === undefined) return;
  for (const keys of layers.toReversed()) {
    const action = keys()[name];
    if (!action) continue;
    event.preventDefault();
    action(event);
    return;
  }
});

/** @returns the name in a key map; undefined while the reader types, and for keys of the browser */
function keyName(event: KeyboardEvent): string | undefined {
  if (event.defaultPrevented || event.isComposing) return undefined;
  const { key, target } = event;
  if ((event.ctrlKey || event.metaKey) && !event.altKey)
    return key.toLowerCase() === 'f' ? 'Ctrl+F' : undefined;
  if (event.altKey) return undefined;
  if (key === 'Escape') return key;
  if (target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]'))
    return undefined;
  // Buttons, links and disclosures have a use for these themselves.
  const isControl = target instanceof HTMLElement && target.closest('button, a[href], summary') !== null;
  if (isControl && (key === 'Enter' || key === ' ')) return undefined;
  return key;
}

/** Keys of a component while it is on the page; those of the component mounted last come first. */
export function useKeys(keys: KeyMap): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const layer = (): KeyMap => latest.current;
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
    };
  }, []);
}
