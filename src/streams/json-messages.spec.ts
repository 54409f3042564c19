import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementsOf, messagesOf } from './json-messages.js';

describe('the messages of a JSON body', () => {
  it('are the elements of an array, one level deep, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.nat(4), (values, indent) => {
        const body = Buffer.from(JSON.stringify(values, null, indent));
        const messages = messagesOf(body);
        expect(messages.map((text) => JSON.parse(text) as unknown)).toEqual(JSON.parse(body.toString()));
        expect(elementsOf(messages.join(','))).toEqual(messages);
      }),
    );
  });

  it.each([
    [
      String.raw`["a\"],", "\\", "\\\"b", "\\\\"]`,
      [String.raw`"a\"],"`, String.raw`"\\"`, String.raw`"\\\"b"`, String.raw`"\\\\"`],
    ],
    ['[]', []],
    [' [ ] ', []],
    ['12345678901234567890', ['12345678901234567890']],
    ['[1.0,{"a":[1,2]},[3,4]]', ['1.0', '{"a":[1,2]}', '[3,4]']],
  ])('%s', (body, messages) => {
    expect(messagesOf(Buffer.from(body))).toEqual(messages);
  });

  it('are refused where they are no JSON', () => {
    for (const body of ['', '[1,]', '{', '"', '[1] 2'])
      expect(() => messagesOf(Buffer.from(body))).toThrow(/not JSON/);
  });
});
