import { describe, expect, it } from 'vitest';
import { checkModernHeaders, checkParameterHeaders } from './modern-headers.js';
import { META } from './versions.js';

const VERSION = '2026-07-28';

/** Why headers are refused for a call with these parameters; undefined where they are not. */
function refusal(headers: Record<string, string>, params: object = {}, method = 'tools/call') {
  const request = {
    kind: 'request' as const,
    id: 1,
    method,
    params: { _meta: { [META.protocolVersion]: VERSION }, ...params },
    size: 100,
  };
  const sent = { 'mcp-protocol-version': VERSION, 'mcp-method': method, ...headers };
  return checkModernHeaders(sent, request)?.message;
}

const encoded = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;

describe('headers of 2026-07-28', () => {
  it('say what the body says', () => {
    expect(refusal({ 'mcp-name': 'echo' }, { name: 'echo' })).toBeUndefined();
    expect(refusal({ 'mcp-name': ' echo ' }, { name: 'echo' })).toBeUndefined();
    expect(refusal({ 'mcp-name': encoded('écho') }, { name: 'écho' })).toBeUndefined();
    expect(refusal({ 'mcp-name': 'other' }, { name: 'echo' })).toBe(
      'Header mismatch: mcp-name: it differs from the body',
    );
    expect(refusal({}, { name: 'echo' })).toBe('Header mismatch: mcp-name: it is missing');
    expect(refusal({ 'mcp-method': 'tools/list' })).toBe(
      'Header mismatch: mcp-method: it differs from the body',
    );
    expect(refusal({ 'mcp-protocol-version': '2025-11-25' })).toContain('mcp-protocol-version');
    expect(refusal({ 'mcp-name': 'écho' }, { name: 'écho' })).toContain('must be encoded');
    expect(refusal({ 'mcp-name': '=?base64?!?=' }, { name: 'x' })).toContain('it is not base64');
  });

  it('need no name where the body has none; that it wants one is told elsewhere', () => {
    expect(refusal({}, {})).toBeUndefined();
    expect(refusal({}, { name: null })).toBeUndefined();
    expect(refusal({}, { name: 'x' }, 'tools/list')).toBeUndefined();
  });

  it('carry the arguments that a tool asks for there, and no others', () => {
    const asked = new Map([['mcp-param-region', 'region']]);
    const check = (headers: object, args: object) =>
      checkParameterHeaders({ ...headers }, asked, { ...args })?.message;
    expect(check({ 'mcp-param-region': 'eu' }, { region: 'eu' })).toBeUndefined();
    expect(check({ 'mcp-param-region': '7' }, { region: 7 })).toBeUndefined();
    expect(check({ 'mcp-param-region': '' }, { region: 0 })).toContain('differs');
    expect(check({}, { region: 'eu' })).toContain('it is missing');
    expect(check({}, { region: null })).toBeUndefined();
    expect(check({ 'mcp-param-region': 'eu' }, {})).toContain('the body has no such argument');
  });
});
