import { describe, expect, it } from 'vitest';
import { headerValue } from './mcp-client.js';

describe('header values', () => {
  it.each([
    ['build', 'build'],
    ['a b', 'a b'],
    ['', '=?base64??='],
    [' x', '=?base64?IHg=?='],
    ['文', '=?base64?5paH?='],
    ['a\nb', '=?base64?YQpi?='],
    ['=?base64?eA==?=', '=?base64?PT9iYXNlNjQ/ZUE9PT89?='],
  ])('%j', (text, value) => {
    expect(headerValue(text)).toBe(value);
  });
});
