import { describe, expect, it } from 'vitest';
import { Configuration } from './configuration.js';

const forgeUrl = (value: string) => Configuration.fromEnvironment({ FORGE_URL: value }).forge.url;

describe('FORGE_URL', () => {
  it.each([
    ['http://localhost:8887', 'http://localhost:8887'],
    [' http://localhost:8887/ ', 'http://localhost:8887'],
    ['HTTPS://Forge.Example/behind/a/path/', 'https://forge.example/behind/a/path'],
    ['', undefined],
  ])('%j is %j', (value, meant) => {
    expect(forgeUrl(value)).toBe(meant);
  });

  it.each([
    'nonsense',
    'localhost:8887',
    'ftp://localhost',
    'http://',
    'http://localhost:99999',
    'http://localhost?project=1',
    'http://localhost/#tasks',
    'http://user:password@localhost',
  ])('%j is refused', (value) => {
    expect(() => forgeUrl(value)).toThrow('FORGE_URL');
  });
});
