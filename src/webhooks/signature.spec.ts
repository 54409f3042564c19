import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { isSecret, makeSecret, signedHeaders } from './signature.js';

describe('signatures', () => {
  it('are those that the standardwebhooks package verifies, and no other', () => {
    const secret = makeSecret();
    const body = JSON.stringify({ type: 'operation.completed', data: { text: 'grüße 🙂' } });
    const now = Math.floor(Date.now() / 1000);
    const headers = signedHeaders(secret, 'msg_1', now, body);
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    for (const [other, text, changed] of [
      [makeSecret(), body, headers],
      [secret, `${body} `, headers],
      [secret, body, { ...headers, 'webhook-id': 'msg_2' }],
      [secret, body, { ...headers, 'webhook-timestamp': String(now + 1) }],
    ] as const)
      expect(() => new Webhook(other).verify(text, changed)).toThrow(/No matching signature/);
  });

  it.each([
    [makeSecret(), true],
    [`whsec_${Buffer.alloc(24).toString('base64')}`, true],
    [`whsec_${Buffer.alloc(64).toString('base64')}`, true],
    [`whsec_${Buffer.alloc(23).toString('base64')}`, false],
    [`whsec_${Buffer.alloc(65).toString('base64')}`, false],
    ['secret', false],
    ['whsec_', false],
    ['whsec_not base64 but long enough to be one?', false],
  ])('%s is a secret: %s', (text, expected) => {
    expect(isSecret(text)).toBe(expected);
  });
});
