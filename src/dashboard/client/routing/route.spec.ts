import { describe, expect, it } from 'vitest';
import { formatRoute, parseRoute } from './route.js';

describe('routes', () => {
  it.each([
    ['', { page: 'operations', id: undefined, query: {} }],
    ['#', { page: 'operations', id: undefined, query: {} }],
    ['#/operations?status=active&q=a+b', { page: 'operations', query: { status: 'active', q: 'a b' } }],
    ['#/operations/build%3A1?lines=3-5', { page: 'operations', id: 'build:1', query: { lines: '3-5' } }],
    ['#/tools/a/b', { page: 'tools', id: 'a/b' }],
    ['#/operations/%E0%A4%A', { page: 'operations', id: '%E0%A4%A' }],
    ['#/nowhere/x', { page: 'operations', id: undefined }],
    ['#/operations?q=a?b=c', { query: { q: 'a?b=c' } }],
    ['#/constructor', { page: 'operations' }],
  ])('%s', (hash, route) => {
    expect(parseRoute(hash)).toMatchObject(route);
  });

  it('leave out what is not chosen, and come back the same', () => {
    expect(formatRoute('operations', undefined, { status: '', q: undefined })).toBe('#/operations');
    const hash = formatRoute('sessions', 'a/b ?#', { q: '100 % & more', x: '="<' });
    expect(parseRoute(hash)).toEqual({
      page: 'sessions',
      id: 'a/b ?#',
      query: { q: '100 % & more', x: '="<' },
    });
  });
});
