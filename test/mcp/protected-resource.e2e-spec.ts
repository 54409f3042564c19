import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { McpHttpClient } from '../harness/mcp-http.js';
import { RunningService } from '../harness/running-service.js';

let issuer: string;
let keys: Server;
let service: RunningService;
let tokenOf: (scope: string) => Promise<string>;

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'k' };
  keys = createServer((_request, response) => response.end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`;
  tokenOf = (scope) =>
    new SignJWT({ sub: 'u', scope })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer(issuer)
      .setAudience('opstream')
      .setExpirationTime('1h')
      .sign(privateKey);
  service = await RunningService.start({
    STORE: 'memory',
    MCP_AUTH_REQUIRED: 'true',
    JWKS_URL: `${issuer}/jwks`,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: 'opstream',
  });
});
afterAll(async () => {
  await service.stop();
  keys.close();
});

const ping = (headers: Record<string, string>) =>
  new McpHttpClient(`${service.http}/mcp`, headers).post({ jsonrpc: '2.0', id: 1, method: 'ping' });
const challengeOf = async (headers: Record<string, string>) =>
  (await ping(headers)).headers.get('www-authenticate');

describe('A refusal', () => {
  it('leads a client without a token to the issuer', async () => {
    const challenge = await challengeOf({});
    const at = /^Bearer resource_metadata="([^"]+)"$/.exec(challenge!)?.[1];
    expect(at).toBe(`${service.http}/.well-known/oauth-protected-resource/mcp`);
    expect(await (await fetch(at!)).json()).toMatchObject({
      resource: `${service.http}/mcp`,
      authorization_servers: [issuer],
      bearer_methods_supported: expect.arrayContaining(['header']),
      scopes_supported: expect.arrayContaining(['mcp']),
    });
  });

  it('says that a token is not valid, or that it lacks the scope', async () => {
    expect(await challengeOf({ authorization: 'Bearer nonsense' })).toContain('error="invalid_token"');
    expect(await challengeOf({ authorization: 'Basic eA==' })).toContain('error="invalid_token"');
    const { status, headers } = await ping({ authorization: `Bearer ${await tokenOf('operations:read')}` });
    expect([status, headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringMatching(/^Bearer error="insufficient_scope", scope="mcp", resource_metadata="/),
    ]);
  });
});

it('the metadata of the service is there without a path, too, and of nothing else', async () => {
  const at = `${service.http}/.well-known/oauth-protected-resource`;
  expect(await (await fetch(at)).json()).toMatchObject({ resource: `${service.http}/mcp` });
  expect((await fetch(`${at}/elsewhere`)).status).toBe(404);
  expect((await fetch(at, { method: 'POST' })).status).toBe(404);
});

it('without an issuer there is no metadata, and the challenge is bare', async () => {
  const plain = await RunningService.start({ STORE: 'memory', MCP_AUTH_REQUIRED: 'true' });
  const client = new McpHttpClient(`${plain.http}/mcp`);
  const { status, headers } = await client.post({ jsonrpc: '2.0', id: 1, method: 'ping' });
  expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  expect((await fetch(`${plain.http}/.well-known/oauth-protected-resource`)).status).toBe(404);
  await plain.stop();
});
