import { describe, expect, it } from 'vitest';
import { acceptableOffers } from './extension-offers.js';

describe('acceptableOffers', () => {
  it.each([
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; client_max_window_bits=8',
    'permessage-deflate; server_max_window_bits=10',
    'permessage-deflate; server_max_window_bits="15"',
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  ])('%s is taken as it is', (offer) => {
    expect(acceptableOffers(offer, 10)).toBe(offer);
  });

  it.each([
    'server_max_window_bits',
    'server_max_window_bits=',
    'server_max_window_bits=7',
    'server_max_window_bits=8',
    'server_max_window_bits=9',
    'server_max_window_bits=16',
    'server_max_window_bits=010',
    'server_max_window_bits=x',
    'server_max_window_bits="9"',
    'server_max_window_bits=10; server_max_window_bits=10',
    'client_max_window_bits=7',
    'client_max_window_bits=16',
    'client_max_window_bits; client_max_window_bits',
    'server_no_context_takeover=1',
    'client_no_context_takeover=""',
    'client_no_context_takeover; client_no_context_takeover',
    'unknown',
    'unknown=1',
    '',
    '"',
  ])('an offer with the parameter %o is declined, and the next one taken', (parameter) => {
    const offer = `permessage-deflate; ${parameter}`;
    expect(acceptableOffers(offer, 10)).toBeUndefined();
    expect(acceptableOffers(`${offer}, permessage-deflate`, 10)).toBe('permessage-deflate');
    expect(acceptableOffers(`permessage-deflate, ${offer}`, 10)).toBe('permessage-deflate');
  });

  it.each(['', 'x-webkit-deflate-frame', 'Permessage-Deflate', ';', ',,'])('%o is no offer', (header) => {
    expect(acceptableOffers(header, 10)).toBeUndefined();
  });
});
