import { describe, expect, it } from 'vitest';
import { filterOf, isNarrowed } from './list-filter.js';

describe('filters in the address', () => {
  it('become the filter of the list, and what they cannot be is left out', () => {
    expect(filterOf({})).toEqual({});
    expect(
      filterOf({ status: 'active', type: 'mcp.tool/*', q: 'a b', errors: 'yes', sort: 'updated' }),
    ).toEqual({
      status: 'active',
      type: 'mcp.tool/*',
      q: 'a b',
      has_errors: true,
      sort: 'updated',
    });
    expect(filterOf({ parent: 'p', by: 'ada', sort: 'size', errors: 'no', other: 'x', status: '' })).toEqual({
      parent_operation_id: 'p',
      created_by: 'ada',
    });
  });

  it('an order alone narrows nothing', () => {
    expect(isNarrowed(filterOf({ sort: 'duration' }))).toBe(false);
    expect(isNarrowed(filterOf({ q: 'x', sort: 'duration' }))).toBe(true);
  });
});
