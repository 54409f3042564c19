import { describe, expect, it } from 'vitest';
import { processSchema } from '../api/forge-records.js';
import { agentRuns, outcomeOf, runNumber } from './run-outcome.js';

const process = (run_reason: string | null, status: string, more: object = {}) =>
  processSchema.parse({ id: 'p', run_reason, status, ...more });
const statusOf = (...processes: ReturnType<typeof process>[]) => outcomeOf(processes)?.status;

describe('How a run ended', () => {
  it('is told by the agent once nothing runs any more', () => {
    const setup = process('setupscript', 'completed');
    expect(statusOf(setup)).toBeUndefined();
    expect(statusOf(setup, process('codingagent', 'running'))).toBeUndefined();
    expect(statusOf(setup, process('codingagent', 'completed'))).toBe('completed');
    expect(statusOf(setup, process('codingagent', 'killed'))).toBe('killed');
    expect(
      statusOf(process('codingagent', 'completed'), process('cleanupscript', 'running')),
    ).toBeUndefined();
    expect(statusOf(process('codingagent', 'completed'), process('devserver', 'running'))).toBe('completed');
    expect(outcomeOf([process('codingagent', 'failed', { exit_code: 3 })])?.message).toBe(
      'The coding agent failed with exit code 3',
    );
    expect(statusOf(process('setupscript', 'failed'))).toBe('failed');
  });

  it('a state that is not known is no end until Forge dates it', () => {
    const queued = process('codingagent', 'queued');
    expect(statusOf(queued)).toBeUndefined();
    expect(agentRuns([queued])).toBe(true);
    const dated = process('codingagent', 'gone', { completed_at: '2026-01-01T00:00:00Z' });
    expect(statusOf(dated)).toBe('failed');
    expect(agentRuns([dated])).toBe(false);
  });

  it("S0-53: is the attempt's on a server whose processes do not say what they are", () => {
    const processes = [process(null, 'running', { started_at: null, dropped: null, completed_at: null })];
    expect(outcomeOf(processes, 'running')).toBeUndefined();
    expect(outcomeOf(processes, null)).toBeUndefined();
    expect(outcomeOf(processes, 'completed')?.status).toBe('completed');
    expect(outcomeOf(processes, 'failed')?.status).toBe('failed');
    expect(runNumber(processes)).toBe(1);
  });
});
