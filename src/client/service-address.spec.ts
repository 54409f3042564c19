import { describe, expect, it } from 'vitest';
import { resolveToken, ServiceAddress } from './service-address.js';

describe('ServiceAddress', () => {
  it('S1-26 gives every endpoint from any form of the address', () => {
    for (const url of [
      'http://127.0.0.1:8765',
      'ws://127.0.0.1:8765/',
      'http://127.0.0.1:8765/?x=1#y',
      undefined,
    ]) {
      const address = new ServiceAddress(url);
      expect(address.http('api/stats').href).toBe('http://127.0.0.1:8765/api/stats');
      expect(address.webSocket('hub').href).toBe('ws://127.0.0.1:8765/hub');
    }
  });

  it('keeps TLS and a prefix, and puts the token into the query', () => {
    const address = new ServiceAddress('https://example.org/ops');
    expect(address.http('api').href).toBe('https://example.org/ops/api');
    expect(address.webSocket('hub', 'a+b&c').href).toBe('wss://example.org/ops/hub?token=a%2Bb%26c');
  });

  it('S4-71 shows no password', () => {
    expect(new ServiceAddress('http://me:secret@example.org/').displayUrl).toBe('http://example.org');
  });

  it('refuses what is no address', () => {
    for (const url of ['', 'localhost:8765', 'ftp://example.org', '/hub']) {
      expect(() => new ServiceAddress(url)).toThrow(TypeError);
    }
  });

  it('takes a token or what fetches one', async () => {
    expect(await resolveToken(undefined)).toBeUndefined();
    expect(await resolveToken('t')).toBe('t');
    expect(await resolveToken(() => Promise.resolve('fresh'))).toBe('fresh');
  });
});
