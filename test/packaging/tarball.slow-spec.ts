import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../harness/free-port.js';
import { ROOT, ServiceProcess } from '../harness/service-process.js';

/** The packed packages in projects of their own. */
const folder = mkdtempSync(join(tmpdir(), 'opstream-packed-'));
let server = '';
let client = '';
let service: ServiceProcess;

beforeAll(async () => {
  service = await ServiceProcess.start();
  execFileSync(process.execPath, [join(ROOT, 'scripts/pack.mjs'), folder], { stdio: 'pipe' });
  const packed = readdirSync(folder);
  client = join(
    folder,
    packed.find((name) => name.startsWith('opstream-client-'))!,
  );
  server = join(
    folder,
    packed.find((name) => /^opstream-\d/.test(name))!,
  );
});
// Three times the packages of a server.
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
}, 300_000);

function project(...packages: readonly string[]): { path: string; said: string } {
  const path = mkdtempSync(join(folder, 'project-'));
  writeFileSync(join(path, 'package.json'), '{"type":"module","private":true}');
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages];
  // Without the settings that `npm test` hands down.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));
  const said = execFileSync('npm', args, { cwd: path, env, encoding: 'utf8', stdio: 'pipe' });
  return { path, said };
}

function run(path: string, program: string, ...args: readonly string[]): string {
  writeFileSync(join(path, 'program.mjs'), program);
  return execFileSync(process.execPath, ['program.mjs', ...args], {
    cwd: path,
    encoding: 'utf8',
    timeout: 60_000,
  });
}

const HOST = `
  import 'reflect-metadata';
  import { Module } from '@nestjs/common';
  import { NestFactory } from '@nestjs/core';
  import { FastifyAdapter } from '@nestjs/platform-fastify';
  import { AgentsGateway, configureOpstream, OperationsService, OpstreamModule, WebSocketManager } from 'opstream';
  class AppModule {}
  Module({ imports: [OpstreamModule.forRoot({ store: 'memory' })] })(AppModule);
  const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false });
  configureOpstream(app);
  await app.listen(0, '127.0.0.1');
  await app.get(OperationsService).run('work', {}, () => 42);
  const { port } = app.getHttpServer().address();
  const { operations } = await (await fetch('http://127.0.0.1:' + port + '/api/operations')).json();
  const injected = [app.get(AgentsGateway), app.get(WebSocketManager)].every(Boolean);
  console.log(JSON.stringify({ status: operations[0].status, injected }));
  await app.close();
`;

describe('the packed packages', { timeout: 300_000 }, () => {
  it.each(['12.3.2', '12.5.0'])('opstream runs inside a host application on Nest %s', (version) => {
    const nest = ['common', 'core', 'platform-fastify'].map((name) => `@nestjs/${name}@${version}`);
    const { path } = project(server, ...nest);
    expect(JSON.parse(run(path, HOST))).toEqual({ status: 'completed', injected: true });
    const installed = JSON.parse(
      readFileSync(join(path, 'node_modules/@nestjs/core/package.json'), 'utf8'),
    ) as { version: string };
    expect(installed.version).toBe(version);
  });

  it('opstream brings its command, and everything it names', async () => {
    const { path } = project(server);
    const packed = join(path, 'node_modules/opstream');
    expect(readdirSync(packed)).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'dist', 'docs', 'forge']),
    );
    const port = await freePort();
    const env = { ...process.env, PORT: String(port), STORE: 'memory' };
    const child = spawn(join(path, 'node_modules/.bin/opstream'), ['serve'], { cwd: path, env });
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('Opstream is ready on')) resolve();
      });
    });
    expect((await fetch(`http://127.0.0.1:${port}/docs/`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('opstream-client brings nothing else', () => {
    const { path } = project(client);
    expect(readdirSync(join(path, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      'opstream-client',
    ]);
    const program = `
      import { HubClient, OperationProducer, RestClient } from 'opstream-client';
      const url = process.argv[2];
      const job = new OperationProducer(new RestClient({ url }), 'import', { operationId: 'packed' });
      job.progress(0.5, 'half');
      await job.result({ rows: 42 });
      const hub = new HubClient({ url });
      for await (const event of hub.follow('packed', { afterSeq: 0 })) console.log(event.event_type);
      hub.close();
    `;
    // Node's own WebSocket does without the package ws.
    expect(run(path, program, service.url)).toBe('status\nprogress\nresult\ncompleted\n');
  });
});
