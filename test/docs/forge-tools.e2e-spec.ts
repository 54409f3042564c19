import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { McpClient } from '../harness/mcp-client.js';
import { RunningService } from '../harness/running-service.js';
import { ROOT } from '../harness/service-process.js';

it('S0-89: the documentation has every Forge tool with its parameters, and every resource, each described', async () => {
  const page = readFileSync(join(ROOT, 'forge/mcp/README.md'), 'utf8');
  const rows = new Map(
    [...page.matchAll(/^\| `(forge[^`]+)` +\|(.*)\|$/gm)].map(([, name, rest]) => [name!, rest!.split('|')]),
  );
  const service = await RunningService.start({ FORGE_URL: 'http://127.0.0.1:9', STORE: 'memory' });
  const client = await McpClient.connect(`${service.ws}/ws`);
  await client.initialize('2025-06-18');
  const { tools } = await client.result('tools/list');
  const listed = (
    tools as unknown as { name: string; inputSchema: { properties?: object; required?: string[] } }[]
  ).filter(({ name }) => name.startsWith('forge_'));
  expect(listed).toHaveLength(34);
  for (const { name, inputSchema } of listed) {
    const [parameters = '', what = ''] = rows.get(name) ?? [];
    const documented = [...parameters.matchAll(/`([^`]+)`/g)].map(([, text]) => text!).sort();
    const required = new Set(inputSchema.required);
    const real = Object.keys(inputSchema.properties ?? {}).map((key) =>
      required.has(key) ? key : `${key}?`,
    );
    expect([name, documented]).toEqual([name, real.sort()]);
    expect([name, what.trim().length > 20]).toEqual([name, true]);
  }
  const { resourceTemplates } = await client.result('resources/templates/list');
  const uris = (resourceTemplates as { uriTemplate: string }[]).map(({ uriTemplate }) => uriTemplate);
  for (const uri of uris.filter((one) => one.startsWith('forge://'))) expect(rows.has(uri)).toBe(true);
  client.terminate();
  await service.stop();
});
