import type { ListFilter } from './operations-feed.js';

/** The filter that an address names; anything it cannot be is left out. */
export function filterOf(query: Readonly<Record<string, string>>): ListFilter {
  const { status, type, q, errors, parent, by, sort } = query;
  return {
    ...(status && { status }),
    ...(type && { type }),
    ...(q && { q }),
    ...(errors === 'yes' && { has_errors: true }),
    ...(parent && { parent_operation_id: parent }),
    ...(by && { created_by: by }),
    ...((sort === 'updated' || sort === 'duration') && { sort }),
  };
}

/** Whether anything but the order was chosen. */
export function isNarrowed(filter: ListFilter): boolean {
  return Object.keys(filter).some((name) => name !== 'sort');
}
