import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCOPES } from '../../src/auth/principal.js';
import { ResourceRegistry } from '../../src/mcp/resources/resource-registry.js';
import { ToolRegistry } from '../../src/mcp/tools/tool-registry.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';

describe('permission by declaration', () => {
  let service: RunningService;
  beforeAll(async () => {
    service = await RunningService.start({
      STORE: 'memory',
      JWT_SECRET: SECRET,
      ALLOW_ANONYMOUS: 'false',
      FORGE_URL: 'http://127.0.0.1:9',
    });
  });
  afterAll(() => service.stop());

  it('every tool and resource says what it asks for', () => {
    const known = new Set<string>(SCOPES);
    const rules = [
      ...[...service.app.get(ToolRegistry).list()].map(({ name, scope }) => [name, scope] as const),
      ...[...service.app.get(ResourceRegistry).templates.list()].map(
        ({ options }) => [options.uriTemplate, options.scope] as const,
      ),
    ];
    expect(rules.length).toBeGreaterThan(40);
    for (const [name, rule] of rules) {
      expect([name, rule]).not.toEqual([name, undefined]);
      for (const scope of rule === null ? [] : [rule].flat())
        expect([name, known.has(scope)]).toEqual([name, true]);
    }
  });

  it('a token that may only read calls nothing that needs more, and opens nothing upstream', async () => {
    const token = await sign({ sub: 'eve', scope: 'mcp operations:read' });
    const authorization = `Bearer ${token}`;
    for (const { name, scope } of service.app.get(ToolRegistry).list()) {
      if (scope === 'operations:read' || scope === null) continue;
      const text = await post(service, authorization, 'tools/call', { name, arguments: {} });
      expect([name, text]).toEqual([name, expect.stringContaining('needs the scope')]);
    }
    const uri = 'forge://status/project/p1';
    const withForge = `Bearer ${await sign({ sub: 'eve', scope: 'mcp operations:read forge' })}`;
    for (const bearer of [authorization, withForge]) {
      const text = await post(service, bearer, 'subscriptions/listen', {
        notifications: { resourceSubscriptions: [uri] },
      });
      expect(text).toContain('needs the scope');
    }
  });

  it('Forge is for the tenants that the operator names', async () => {
    const call = { name: 'forge_list_projects', arguments: {} };
    const elsewhere = `Bearer ${await sign({ sub: 'ann', tenant: 'elsewhere' })}`;
    expect(await post(service, elsewhere, 'tools/call', call)).toContain('needs the scope forge');
    expect(await post(service, `Bearer ${await sign({ sub: 'ann' })}`, 'tools/call', call)).not.toContain(
      'scope',
    );
  });
});

async function post(
  service: RunningService,
  authorization: string,
  method: string,
  params: Record<string, unknown>,
): Promise<string> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const response = await fetch(`${service.http}/mcp`, {
    method: 'POST',
    headers: {
      authorization,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof params.name === 'string' && { 'mcp-name': params.name }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } }),
  });
  return response.text();
}
