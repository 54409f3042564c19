import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient, RestClient, type OperationEvent } from '../../src/client/index.js';
import { CliProcess } from '../harness/cli-process.js';
import { CuttableProxy } from '../harness/cuttable-proxy.js';
import { ROOT, ServiceProcess } from '../harness/service-process.js';
import { eventually } from '../harness/eventually.js';

/** The main promise, with a real job: `npm run build` of a small project, with the repository's own compiler. */
describe('a real build followed by three clients at once', () => {
  let service: ServiceProcess;
  let project: string;

  beforeAll(async () => {
    service = await ServiceProcess.start();
    project = mkdtempSync(join(tmpdir(), 'opstream-project-'));
    const compiler = `node ${join(ROOT, 'node_modules/typescript/bin/tsc')}`;
    const scripts = {
      build: `${compiler} --listEmittedFiles --noCheck --noLib --outDir out globals.d.ts a.ts b.ts c.ts`,
      postbuild: 'node report.cjs',
    };
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'job', private: true, scripts }));
    for (const name of ['a', 'b', 'c']) {
      writeFileSync(join(project, `${name}.ts`), `export const ${name}: string = '${name}';\n`);
    }
    // Without the standard library the compiler takes a fraction of a second.
    const globals = [
      'Boolean',
      'CallableFunction',
      'Function',
      'IArguments',
      'NewableFunction',
      'Number',
      'Object',
    ];
    const declarations = [...globals, 'RegExp', 'String', 'Array<T>'].map((name) => `interface ${name} {}\n`);
    writeFileSync(join(project, 'globals.d.ts'), declarations.join(''));
    const steps = 40;
    writeFileSync(
      join(project, 'report.cjs'),
      `let n = 0; const timer = setInterval(() => { n += 1; console.log('checked ' + n + '/${steps} files');
       if (n % 10 === 0) console.error('note ' + n); if (n === ${steps}) clearInterval(timer); }, 20);\n`,
    );
  });

  afterAll(async () => {
    await service.stop();
    rmSync(project, { recursive: true, force: true });
  });

  it('S1-10 X-09 all end with the identical list of events, and it is the log', async () => {
    const rest = new RestClient({ url: service.url });
    const proxy = await CuttableProxy.inFrontOf(service.port);
    const id = 'build-of-today';

    // From the start: it waits before there is an operation.
    const first = new CliProcess(['watch', id, '--wait', '--json', '--url', service.url]);
    await eventually('the first client', async () => (await rest.getStats()).subscriptions === 1);

    const job = new CliProcess(
      ['run', '--url', service.url, '--operation-id', id, '--', 'npm', 'run', 'build'],
      {
        cwd: project,
      },
    );

    // Loses its connection midway, several times, at arbitrary bytes.
    const hub = new HubClient({ url: proxy.url, reconnect: { maxAttempts: Infinity, delay: () => 10 } });
    let losses = 0;
    hub.on('disconnected', () => {
      losses++;
      proxy.cutAfter(2000 + losses * 333);
    });
    proxy.cutAfter(1234);
    const resumed: OperationEvent[] = [];
    const resuming = (async () => {
      for await (const event of hub.follow(id, { afterSeq: 0 })) resumed.push(event as OperationEvent);
    })();

    // Late: most of the log is replayed to it.
    await job.shows('checked 30/40');
    const late = new CliProcess(['watch', id, '--json', '--url', service.url]);

    expect(await job.exit).toBe(0);
    expect(await first.exit).toBe(0);
    expect(await late.exit).toBe(0);
    await resuming;
    hub.close();
    await proxy.close();

    const { events } = await rest.getEvents(id, 0, 1000);
    expect(first.json).toEqual(events);
    expect(late.json).toEqual(events);
    expect(resumed).toEqual(events);
    expect(losses).toBeGreaterThan(1);

    // And it is a true record of the job.
    const logged = (level: string): string[] =>
      events.flatMap((event) =>
        event.event_type === 'log' && event.data.level === level ? [event.data.message] : [],
      );
    expect(logged('info')).toEqual(lines(job.stdout).map((line) => line.trimEnd()));
    expect(logged('info')).toContain(`TSFILE: ${join(project, 'out/a.js')}`);
    const ownWords = /^opstream: /;
    expect(logged('warning')).toEqual(lines(job.stderr).filter((line) => !ownWords.test(line)));
    expect(logged('warning')).toContain('note 40');
    const progress = events.flatMap((event) =>
      event.event_type === 'progress' ? [event.data.progress] : [],
    );
    expect(progress.at(-1)).toBe(1);
    expect(progress.length).toBeGreaterThan(3);
    expect(events.at(-2)).toMatchObject({ event_type: 'result', data: { result: { exit_code: 0 } } });
    expect(events.at(-1)).toMatchObject({ event_type: 'completed' });
  }, 60_000);
});

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
