import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLOSE_CODES } from '../../src/client/protocol/close-codes.js';
import { refusalOf } from '../../src/client/connection-refusal.js';

/** Sent by clients alone, or by nobody. */
const NOT_OURS = new Set<number>([CLOSE_CODES.normal.code, CLOSE_CODES.abnormal.code]);

const documented = [
  ...readFileSync('docs/protocol.md', 'utf8').matchAll(/^\| (\d{4}) +\| (.+?) +\| (reconnect|final) +\|$/gm),
].map(([, code, meaning, client]) => ({ code: Number(code), client, meaning }));

describe('close codes', () => {
  it('stand in the document as the service and the SDK know them', () => {
    expect(documented).toEqual(Object.values(CLOSE_CODES).filter(({ code }) => !NOT_OURS.has(code)));
  });

  it.each(Object.values(CLOSE_CODES))(
    '$code: the SDK decides by the code, whatever the words',
    ({ code, client }) => {
      const words = code === CLOSE_CODES.abnormal.code ? 'reset' : 'Unexpected server response: 404: gone';
      expect(refusalOf(code, words, 'ws://x', false) !== undefined).toBe(client === 'final');
    },
  );

  it('an ended token is worth another try where another one can be had', () => {
    expect(refusalOf(CLOSE_CODES.credentialEnded.code, 'Token expired', 'ws://x', true)).toBeUndefined();
  });
});
