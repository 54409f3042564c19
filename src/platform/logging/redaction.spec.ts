import { describe, expect, it } from 'vitest';
import { redacted } from './redaction.js';

describe('redaction (S4-71)', () => {
  it('censors every secret name at any depth, in lists, and in any spelling', () => {
    const names = [
      'password',
      'token',
      'apiKey',
      'secret',
      'authorization',
      'accessToken',
      'refreshToken',
      'key',
    ];
    names.push(
      'credential',
      'jwt',
      'ssn',
      'creditCard',
      'cardNumber',
      'api_key',
      'X-API-Key',
      'ACCESS_TOKEN',
    );
    for (const name of names) {
      const logged = redacted({ a: [{ b: { c: { d: { [name]: 'hunter2', kept: 1 } } } }] });
      expect(JSON.stringify(logged)).not.toContain('hunter2');
      expect(JSON.stringify(logged)).toContain('"kept":1');
    }
  });

  it('hides a whole subtree under a secret name, and leaves what it was given untouched', () => {
    const message = { credential: { user: 'x', pin: 1 }, tokens: 3 };
    expect(redacted(message)).toEqual({ credential: '[REDACTED]', tokens: 3 });
    expect(message.credential.pin).toBe(1);
  });

  it('ends at a depth that no log needs, and keeps errors as they are', () => {
    let deep: unknown = 'hunter2';
    for (let level = 0; level < 10_000; level += 1) deep = { deep };
    expect(JSON.stringify(redacted(deep))).not.toContain('hunter2');
    const error = new Error('kept');
    expect(redacted({ error })).toEqual({ error });
  });

  it.each([
    'client_secret',
    'db_password',
    'passwd',
    'aws_secret_access_key',
    'userPassword',
    'passwordHash',
    'tokens',
    'privateKey',
    'SSH_KEY',
    'passphrase',
    'X-Auth-Token',
    'id_token',
  ])('finds the words of a secret within %s', (name) => {
    expect(redacted({ [name]: 'hunter2' })).toEqual({ [name]: '[REDACTED]' });
  });

  it.each(['monkey', 'sort_key', 'keyboard', 'author', 'tokenizer', 'compass'])('leaves %s alone', (name) => {
    expect(redacted({ [name]: 'shown' })).toEqual({ [name]: 'shown' });
  });

  it('finds secrets by what they look like, and by what a schema says', () => {
    const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';
    expect(redacted({ note: `Bearer abcdef123456 and ${jwt}`, url: 'https://x/?a=1&token=abc#b' })).toEqual({
      note: 'Bearer [REDACTED] and [REDACTED]',
      url: 'https://x/?a=1&token=[REDACTED]#b',
    });
    const schema = {
      properties: { pin: { writeOnly: true }, word: { format: 'password' }, list: { items: {} } },
    };
    expect(redacted({ pin: 1234, word: 'x', other: 1 }, schema)).toEqual({
      pin: '[REDACTED]',
      word: '[REDACTED]',
      other: 1,
    });
  });

  it('writes out control characters that terminals obey', () => {
    expect(redacted('a\u009b31m')).toBe('a\\u009b31m');
  });
});
