import { signal } from '@preact/signals';
import { formatRoute, parseRoute, type Route } from './route.js';

/** Where the page is. The address is the only place where filters and positions are kept. */
export const route = signal<Route>(parseRoute(location.hash));

addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash);
});

/** Goes to an address; Back returns from it. */
export function navigate(hash: string): void {
  location.hash = hash;
}

/** Changes filters of the current page. While typing, the address changes without a step for Back each time. */
export function setQuery(change: Readonly<Record<string, string | undefined>>, replace = true): void {
  const { page, id, query } = route.value;
  const hash = formatRoute(page, id, { ...query, ...change });
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, '', hash);
  else history.pushState(null, '', hash);
  route.value = parseRoute(hash);
}
