import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../harness/service-process.js';

const DOCUMENTS = ['docs/sdk.md', 'docs/library.md', 'docs/mcp.md', 'docs/mcp-peers.md'];

/** What the samples take for granted: the reader's own values and functions. */
const READERS_OWN = `
import type { INestApplication } from '@nestjs/common';
declare global {
  const operationId: string, url: string, token: string;
  const app: INestApplication, otherApp: INestApplication;
  type Input = { name: string };
  type Report = { pages: number };
  function load(input: Input, options: { signal: AbortSignal }): Promise<string[]>;
  function format(rows: string[]): Report;
  function run(branch: string, signal: AbortSignal): AsyncIterable<string>;
  function readLog(id: string | undefined): string;
}`;

/** Samples that begin with their imports are whole programs; the others are parts of one. */
function wholeSamples(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const samples = [...text.matchAll(/^```ts\n(import .*?)^```/gms)];
  return samples.map(([, sample]) => sample!);
}

describe('samples of the documents', () => {
  const sources = new Map<string, string>([[join(ROOT, 'test/docs/own.ts'), READERS_OWN]]);
  for (const document of DOCUMENTS) {
    for (const [index, sample] of wholeSamples(document).entries())
      sources.set(join(ROOT, 'test', `${document}.${index}.ts`), sample);
  }

  it('S4-69: compile against the sources', { timeout: 120_000 }, () => {
    const path = join(ROOT, 'tsconfig.json');
    const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file)) as { config: object };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
    Object.assign(options, { noEmit: true, incremental: false, tsBuildInfoFile: undefined });
    const host = ts.createCompilerHost(options);
    host.readFile = (name) => sources.get(name) ?? ts.sys.readFile(name);
    host.fileExists = (name) => sources.has(name) || ts.sys.fileExists(name);
    const program = ts.createProgram([...sources.keys()], options, host);
    const faults = [...sources.keys()].flatMap((name) => {
      const source = program.getSourceFile(name);
      return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    });
    expect(ts.formatDiagnostics(faults, host)).toBe('');
    // The document a sample was lost from would go unnoticed otherwise.
    for (const document of DOCUMENTS) expect(wholeSamples(document).length).toBeGreaterThan(0);
  });
});
