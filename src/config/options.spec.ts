import { describe, expect, it } from 'vitest';
import { Configuration, InvalidConfigurationError } from './configuration.js';
import { environmentOf, type OpstreamOptions } from './options.js';

const configure = (options: OpstreamOptions) => Configuration.fromEnvironment(environmentOf(options));

describe('options of the embedded service', () => {
  it('take typed values by the camelCase names of the environment variables', () => {
    const { http, store, auth, streaming, mcp, forge } = configure({
      port: 9000,
      extraPorts: [8081, 8000],
      allowedOrigins: ['https://app.example.com', 'http://localhost:3000'],
      store: 'memory',
      maxOperations: 5000,
      allowAnonymous: false,
      enableWebsocket: false,
      mcpPeers: [{ name: 'search', url: 'ws://127.0.0.1:1/mcp', role: 'client' }],
      mcpOpenapi: [{ document: 'shop.yaml', prefix: 'shop_' }],
      forgeUrl: 'http://localhost:8887',
    });
    expect(http).toMatchObject({ port: 9000, extraPorts: [8081, 8000] });
    expect(http.allowedOrigins).toEqual(['https://app.example.com', 'http://localhost:3000']);
    expect(store).toMatchObject({ kind: 'memory', maxOperations: 5000 });
    expect(auth.allowAnonymous).toBe(false);
    expect(streaming.enabled).toBe(false);
    expect(mcp.peers).toMatchObject([{ name: 'search', role: 'client' }]);
    expect(mcp.openapi).toMatchObject([{ document: 'shop.yaml', prefix: 'shop_' }]);
    expect(forge.url).toBe('http://localhost:8887');
  });

  it('leave the default where they are absent or undefined', () => {
    expect(configure({ port: undefined })).toEqual(Configuration.fromEnvironment({}));
  });

  it('do not exist under another name: the compiler and the start refuse it', () => {
    // @ts-expect-error: the option is `maxOperations`
    const misspelt: OpstreamOptions = { maxOperation: 5 };
    expect(() => configure(misspelt)).toThrow(InvalidConfigurationError);
  });

  it('are accepted by the names of the variables as well, for programs that were written with them', () => {
    // @ts-expect-error: the typed option is `store`
    const variables: OpstreamOptions = { STORE: 'memory', PORT: '0' };
    expect(configure(variables)).toMatchObject({ store: { kind: 'memory' }, http: { port: 0 } });
  });

  it('have values of the type of the setting', () => {
    // @ts-expect-error: a number
    const text: OpstreamOptions = { maxOperations: 'many' };
    expect(() => configure(text)).toThrow('MAX_OPERATIONS');
  });
});
