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

describe('ALLOWED_ORIGINS and ALLOWED_HOSTS', () => {
  it('are lists of what browsers send', () => {
    const { http } = Configuration.fromEnvironment({
      ALLOWED_ORIGINS: 'https://app.example.com, http://localhost:3000,chrome-extension://abc,null,*',
      ALLOWED_HOSTS: 'app.example.com,other.example:8443,[::1]',
    });
    expect(http.allowedOrigins).toHaveLength(5);
    expect(http.allowedHosts).toHaveLength(3);
  });

  it.each([
    ['ALLOWED_ORIGINS', 'app.example.com'],
    ['ALLOWED_ORIGINS', 'https://app.example.com/'],
    ['ALLOWED_ORIGINS', 'https://App.example.com'],
    ['ALLOWED_HOSTS', 'https://app.example.com'],
    ['ALLOWED_HOSTS', 'app.example.com/path'],
  ])('%s=%s would never match anything, and is refused', (name, value) => {
    expect(() => Configuration.fromEnvironment({ [name]: value })).toThrow(name);
  });
});

it('S3-30 S3-31 S3-32 S3-33: the times of MCP connections are those of document 003, in milliseconds', () => {
  expect(Configuration.fromEnvironment({}).mcp).toMatchObject({
    connectTimeoutMs: 30_000,
    pingIntervalMs: 20_000,
    pingTimeoutMs: 20_000,
    closeTimeoutMs: 10_000,
  });
});
