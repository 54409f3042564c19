import { describe, expect, it } from 'vitest';
import { recordedCommand } from './recorded-command.js';

describe('a recorded command', () => {
  it('hides what its form says is secret', () => {
    const command = [
      'curl',
      '-H',
      'Authorization: Bearer hunter2',
      '--token',
      'hunter2',
      '--api-key=hunter2',
      'DB_PASSWORD=hunter2',
      'https://ann:hunter2@example.org/x',
      '--client-secret',
      'hunter2',
    ];
    const recorded = recordedCommand(command);
    expect(recorded.join(' ')).not.toContain('hunter2');
    expect(recorded).toHaveLength(command.length);
    expect(recorded).toContain('DB_PASSWORD=[REDACTED]');
    expect(recorded).toContain('https://ann:[REDACTED]@example.org/x');
  });

  it('leaves everything else as it is', () => {
    const command = ['node', '-e', 'const token = 1; f(token)', '--keys', 'a=b', 'secret.txt'];
    expect(recordedCommand(command)).toEqual(command);
  });

  it('is cut where it is long', () => {
    const recorded = recordedCommand([
      'echo',
      'x'.repeat(100_000),
      ...Array<string>(5000).fill('y'.repeat(50)),
    ]);
    expect(JSON.stringify(recorded).length).toBeLessThan(40_000);
    expect(recorded[1]).toMatch(/^x{4000}… \[96000 characters left out\]$/);
    expect(recorded.at(-1)).toMatch(/^… \[\d+ arguments left out\]$/);
  });
});
