import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RestClient, SharedSession } from '../../src/client/index.js';
import { CliProcess, runCli } from '../harness/cli-process.js';
import { eventually } from '../harness/eventually.js';
import { ServiceProcess } from '../harness/service-process.js';

describe('opstream demo', { timeout: 90_000 }, () => {
  let service: ServiceProcess;
  let rest: RestClient;

  beforeAll(async () => {
    service = await ServiceProcess.start();
    rest = new RestClient({ url: service.url });
  });
  afterAll(() => service.stop());

  it('does real work: a build, an import that fails, a crawl, and agents that talk about it', async () => {
    const run = await runCli(['demo', '--fast', '--rounds', '1', '--url', service.url]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain(`Watch it on ${service.url}/`);
    const { operations } = await rest.listOperations();
    const ends = new Map(operations.map(({ operation_type: type, operation_id: id }) => [type, id]));
    const built = await rest.getOperation(ends.get('demo/build')!);
    expect(built).toMatchObject({ status: 'completed', result: { files: expect.any(Number) } });
    const failed = await rest.getOperation(ends.get('demo/import')!);
    expect(failed).toMatchObject({ status: 'error', error_type: 'ValidationError' });
    const crawled = await rest.getOperation(ends.get('demo/crawl')!);
    expect(crawled).toMatchObject({ status: 'completed', result: { requests: expect.any(Number) } });

    type Sessions = { sessions: { session_id: string }[] };
    const { sessions } = await rest.request<Sessions>('GET', 'api/sessions');
    const { messages } = await new SharedSession(rest, sessions[0]!.session_id).messages();
    expect(new Set(messages.map(({ sender }) => sender))).toEqual(new Set(['builder', 'reviewer']));
    const { files } = built.result as { files: number };
    expect(messages.map(({ content }) => content).join('\n')).toContain(`The build is done: ${files} files`);
  });

  it('Ctrl+C leaves nothing running, and a cancelled operation stops its own work alone', async () => {
    const cli = new CliProcess(['demo', '--rounds', '1000', '--url', service.url]);
    const running = async (type: string) =>
      (await rest.listOperations({ type, status: 'active' })).operations[0]?.operation_id;
    await eventually('the work', async () => (await running('demo/crawl')) !== undefined);
    await eventually('the build', async () => (await running('demo/build')) !== undefined);
    await rest.cancelOperation((await running('demo/build'))!, 'Enough');
    expect(await running('demo/crawl')).toBeDefined();
    cli.signal('SIGINT');
    expect(await cli.exit).toBe(130);
    for (const type of ['demo/build', 'demo/import', 'demo/crawl'])
      // By the command itself, or at the latest by its lease.
      await eventually(`the end of ${type}`, async () => (await running(type)) === undefined, 45_000);
  });

  it('says that nobody is there', async () => {
    const run = await runCli(['demo', '--url', 'http://127.0.0.1:9']);
    expect(run).toMatchObject({ code: 3, stdout: '' });
    expect(run.stderr).toContain('Cannot reach');
  });
});
