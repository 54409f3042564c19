import { describe, expect, it } from 'vitest';
import { countParam, faultText, parseAgentRequest, RequestFault, resultText } from './agent-request.js';

const parse = (text: string) => parseAgentRequest(Buffer.from(text), false);
const codeOf = (work: () => unknown): number | undefined => {
  try {
    work();
  } catch (thrown) {
    return (thrown as RequestFault).code;
  }
  return undefined;
};

describe('a request of an agent in plain JSON (X-28)', () => {
  it.each([
    ['{"id":7,"method":"get_messages","params":{"since_id":3}}', 'get_messages', { since_id: 3 }, 7],
    ['{"id":"a","method":"/tools/subscribe","params":{}}', 'subscribe', {}, 'a'],
    ['{"type":"get_messages","since_id":3}', 'get_messages', { since_id: 3 }, undefined],
    ['{"method":"initialize","id":null}', 'initialize', {}, undefined],
    ['ping', 'ping', {}, undefined],
  ])('%s', (text, name, params, id) => {
    expect(parse(text)).toMatchObject({ name, params, id });
  });

  it.each([
    ['{bad', -32700],
    ['', -32700],
    ['[]', -32600],
    ['null', -32600],
    ['"x"', -32600],
    ['{}', -32600],
    ['{"method":5}', -32600],
    ['{"method":"x","id":{}}', -32600],
    ['{"method":"x","params":[1]}', -32602],
  ])('refuses %j', (text, code) => {
    expect(codeOf(() => parse(text))).toBe(code);
  });

  it('refuses binary frames', () => {
    expect(codeOf(() => parseAgentRequest(Buffer.from('{}'), true))).toBe(-32600);
  });

  it('wraps the answer where there is an id, and says nothing to a notification', () => {
    const result = { status: 'connected' };
    expect(resultText(parse('{"method":"x"}'), result)).toBe('{"status":"connected"}');
    expect(resultText(parse('{"method":"x","id":1}'), result)).toBe(
      '{"id":1,"result":{"status":"connected"}}',
    );
    expect(resultText(parse('{"jsonrpc":"2.0","method":"x","id":0}'), result)).toBe(
      '{"jsonrpc":"2.0","id":0,"result":{"status":"connected"}}',
    );
    expect(resultText(parse('{"jsonrpc":"2.0","method":"x"}'), result)).toBeUndefined();
    expect(faultText(undefined, new RequestFault(-32700, 'Invalid JSON'))).toBe(
      '{"error":{"code":-32700,"message":"Invalid JSON"}}',
    );
  });

  it('reads whole numbers, also as text', () => {
    expect([countParam({ n: '12' }, 'n'), countParam({ n: 0 }, 'n'), countParam({ n: null }, 'n')]).toEqual([
      12,
      0,
      undefined,
    ]);
    for (const n of [-1, 1.5, 'x', true, [1], '1'.repeat(16)])
      expect(codeOf(() => countParam({ n }, 'n'))).toBe(-32602);
  });
});
