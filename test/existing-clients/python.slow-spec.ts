import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClientProgram } from '../harness/client-program.js';
import { RunningService } from '../harness/running-service.js';

/** Programs of our own that read of every message exactly what document 001's samples read: its users change nothing. */
describe('Python clients written for the hub of document 001', () => {
  let service: RunningService;
  let id: string;
  const programs: ClientProgram[] = [];

  beforeEach(async () => {
    service = await RunningService.start();
    id = await service.rest.open('code_generation');
  });
  afterEach(async () => {
    for (const program of programs.splice(0)) program.kill();
    await service.stop();
  });

  function run(name: string, mode: string): ClientProgram {
    const program = new ClientProgram(name, `ws://127.0.0.1:${service.port}`, mode);
    programs.push(program);
    return program;
  }

  /** Waits until somebody follows something, so that nothing is recorded too early. */
  async function followed(): Promise<void> {
    const count = async () => (await service.rest.get('/api/stats')).body.subscriptions;
    await expect.poll(count, { timeout: 30_000 }).toBe(1);
  }

  async function work(): Promise<void> {
    await service.rest.emit(id, 'status', { status: 'processing', message: 'go' });
    await service.rest.emit(id, 'log', { level: 'info', message: 'line' });
    await service.rest.emit(id, 'progress', { progress: 0.5, message: 'Halfway', details: { step: 2 } });
    await service.rest.emit(id, 'result', { result: { code: 'x' } });
  }

  it('S1-27, C2: the quick start reads every message, to the end of the service', async () => {
    const program = run('quick_start.py', id);
    await program.shows('subscribed');
    await work();
    await program.shows('completed');
    await service.app.close();
    expect(await program.ended).toBe(0);
    expect(program.lines.map((line) => line.split(' ')[0])).toEqual([
      'connected',
      'subscribed',
      'status',
      'log',
      'progress',
      'result',
      'completed',
      'closed',
    ]);
  });

  it('S1-34, C2: simple monitoring ends with the operation', async () => {
    const program = run('simple_monitoring.py', id);
    await followed();
    await work();
    expect(await program.ended).toBe(0);
    expect(program.lines).toEqual([
      `monitoring ${id}`,
      '[50%] Halfway',
      expect.stringMatching(/^completed in \d+\.\d\ds$/),
    ]);
  });

  it('S1-34: …and with its failure', async () => {
    const program = run('simple_monitoring.py', id);
    await followed();
    await service.rest.emit(id, 'error', { error: 'Code validation failed', error_type: 'ValidationError' });
    expect(await program.ended).toBe(0);
    expect(program.lines.at(-1)).toBe('error: Code validation failed');
  });

  it('S1-34: a refused command is not taken for the failure of the operation', async () => {
    const program = run('simple_monitoring.py', 'no valid id!');
    await program.shows('monitoring');
    expect((await service.rest.get('/api/stats')).body.connected_clients).toBe(1);
    await service.app.close();
    expect(await program.ended).toBe(0);
    expect(program.output).not.toContain('error');
  });

  it('S1-30: mode <operation-id>', async () => {
    const program = run('hub_cli.py', id);
    await program.shows(`subscribed ${id}`);
    await work();
    expect(await program.ended).toBe(0);
    const shown = program.lines.slice(2).map((line) => line.replace(/ \d+\.\d{3} /, ' '));
    expect(shown).toEqual([
      `status ${id} processing`,
      `log ${id} INFO line`,
      `progress ${id} 50.0% Halfway {"step": 2}`,
      `result ${id} {"code": "x"}`,
      expect.stringMatching(/^completed .* completed after \d+\.\d\ds$/),
    ]);
  });

  it('S1-31, C3: mode monitor, which sends nothing, sees all operations', async () => {
    const program = run('hub_cli.py', 'monitor');
    await followed();
    await work();
    const other = await service.rest.open('another');
    await service.rest.emit(other, 'error', { error: 'x' });
    await program.shows(`error ${other}`);
    for (const kind of ['status', 'log', 'progress', 'result', 'completed']) {
      expect(program.output).toContain(`${kind} ${id}`);
    }
  });

  it('S1-32: mode stats takes the next message for its answer, also on a busy hub', async () => {
    const noise = setInterval(() => void service.rest.emit(id, 'log', { message: 'noise' }), 5);
    try {
      const program = run('hub_cli.py', 'stats');
      expect(await program.ended).toBe(0);
      expect(program.lines.slice(1)).toEqual([
        'connected_clients 1',
        'active_operations 1',
        'total_operations 1',
        'subscriptions 0',
      ]);
    } finally {
      clearInterval(noise);
    }
  });

  it('S1-33, C2: mode interactive survives its own answers', async () => {
    const program = run('hub_cli.py', 'interactive');
    await program.shows('welcome');
    program.type('stats');
    await program.shows('connected_clients');
    program.type(`get ${id}`);
    await program.shows(`"operation_id": "${id}"`);
    program.type(`subscribe ${id}`);
    await program.shows('subscribed');
    await work();
    await program.shows('completed');
    program.type('quit');
    expect(await program.ended).toBe(0);
    expect(program.lines.at(-1)).toBe('listening');
  });
});
