import { effect, signal, type Signal } from '@preact/signals';
import { TIME_MODES, type TimeMode } from '../format/time.js';

/** What a reader chooses once for every page. */
export const SCHEMES = ['system', 'light', 'dark'] as const;
export const DENSITIES = ['compact', 'comfortable'] as const;

export const scheme = kept('scheme', SCHEMES, 'system');
export const density = kept('density', DENSITIES, 'compact');
export const timeMode: Signal<TimeMode> = kept('time', TIME_MODES, 'local');
export const notify = kept('notify', ['off', 'on'] as const, 'off');

/** Height of a row of the log, in pixels. */
export const ROW_HEIGHTS = { compact: 20, comfortable: 28 } as const;

export function nextOf<Value>(values: readonly Value[], current: Value): Value {
  return values[(values.indexOf(current) + 1) % values.length]!;
}

/** A signal that outlives the page, where the browser lets it. */
function kept<const Value extends string>(
  name: string,
  values: readonly Value[],
  fallback: Value,
): Signal<Value> {
  const key = `opstream.${name}`;
  const stored = attempt(() => localStorage.getItem(key));
  const value = signal(values.find((known) => known === stored) ?? fallback);
  effect(() => {
    const now = value.value;
    attempt(() => localStorage.setItem(key, now));
  });
  return value;
}

/** Storage throws where a browser blocks it; the page then forgets, and works. */
function attempt<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

effect(() => {
  const { dataset } = document.documentElement;
  dataset.scheme = scheme.value;
  dataset.density = density.value;
});
