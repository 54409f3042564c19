import { duration } from '../format/time.js';
import { now } from './clock.js';

/** How long something took, or has taken so far. Only the running ones follow the clock. */
export function Elapsed({ from, seconds }: { readonly from: number; readonly seconds: number | null }) {
  if (seconds !== null) return <span class="elapsed">{duration(seconds)}</span>;
  return <Running from={from} />;
}

function Running({ from }: { readonly from: number }) {
  const seconds = Math.max(0, now.value - from);
  return <span class="elapsed">{seconds < 10 ? `${Math.floor(seconds)} s` : duration(seconds)}</span>;
}
