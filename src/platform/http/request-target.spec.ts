import { describe, expect, it } from 'vitest';
import { requestTarget, withoutTrailingSlash } from './request-target.js';

describe('the target of a request line', () => {
  it.each([
    ['/mcp', '/mcp', ''],
    ['/mcp?a=1', '/mcp', 'a=1'],
    ['/mcp?token=a?b', '/mcp', 'token=a?b'],
    ['http://example.com:8765/mcp?a', '/mcp', 'a'],
    ['HTTPS://example.com', '/', ''],
    ['https://example.com?a', '/', 'a'],
    ['/%6dcp', '/mcp', ''],
    ['/a%2Fb', '/a%2Fb', ''],
    ['/100%', '/100%', ''],
    ['//mcp', '//mcp', ''],
    ['*', '*', ''],
    [undefined, '/', ''],
  ])('%s is the path %s with the query "%s"', (url, pathname, query) => {
    expect(requestTarget(url)).toEqual({ pathname, query });
  });

  it('forgives one slash at the end', () => {
    expect(['/mcp/', '/mcp', '/', '/mcp//'].map(withoutTrailingSlash)).toEqual([
      '/mcp',
      '/mcp',
      '/',
      '/mcp/',
    ]);
  });
});
