import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { node22Program, type ProgramResult } from '../../harness/cached-packages.js';
import { RunningService } from '../../harness/running-service.js';
import { ConformanceFixtureModule } from './conformance-fixture.module.js';

/** The official suite's own verdict over a real service; there is no list of expected failures. */
const PROGRAM = '@modelcontextprotocol/conformance/dist/index.js';

const TASK_SCENARIOS = [
  'tasks-lifecycle',
  'tasks-capability-negotiation',
  'tasks-wire-fields',
  'tasks-request-state-removal',
  'tasks-mrtr-input',
  'tasks-request-headers',
  'tasks-dispatch-and-envelope',
  'tasks-required-task-error',
  'tasks-mrtr-composition',
];

let service: RunningService;
let url: string;

beforeAll(async () => {
  service = await RunningService.start({ STORE: 'memory', LOG_LEVEL: 'silent' }, [ConformanceFixtureModule]);
  // The suite's DNS rebinding scenario wants this name.
  url = `http://localhost:${service.port}/mcp`;
});
afterAll(() => service.stop());

/** The summary's lines of scenarios, those of the named section or, without a name, of the whole run. */
function scenarios(output: string, section = '=== SUMMARY ===', end = 'Total:'): string[] {
  const [, after = ''] = output.split(section);
  const lines = after.split(end)[0]!.split('\n');
  return lines.filter((line) => /^\s*[✓✗]/.test(line)).map((line) => line.trim());
}

function expectAllPassed({ code, output }: ProgramResult): void {
  expect(scenarios(output).filter((line) => !line.startsWith('✓') || !line.endsWith(' 0 failed'))).toEqual(
    [],
  );
  expect(output).toMatch(/Total: \d+ passed, 0 failed/);
  expect(code).toBe(0);
}

describe('MCP conformance', () => {
  it('the stable suite: all 32 scenarios', async () => {
    const run = await node22Program('conformance-stable', PROGRAM);
    const result = await run(['server', '--url', url, '--suite', 'all']);
    expectAllPassed(result);
    expect(scenarios(result.output)).toHaveLength(32);
  });

  it('what 2025-11-25 requires: 30 of 30 scenarios', async () => {
    expect(await required('2025-11-25')).toHaveLength(30);
  });

  it('what 2026-07-28 requires: 37 of 37 scenarios, and every scenario of the tasks extension', async () => {
    expect(await required('2026-07-28')).toHaveLength(37);
  });
});

/** @returns the scenarios that count for the revision; all that ran must have passed, counting or not */
async function required(revision: string): Promise<string[]> {
  const run = await node22Program('conformance-alpha', PROGRAM);
  const result = await run(['server', '--url', url, '--requirements', revision]);
  expectAllPassed(result);
  const names = scenarios(result.output).map((line) => /^✓ ([^:]+)/.exec(line)?.[1]);
  const extra = scenarios(result.output, 'Not scored', '\0').map((line) => /^✓ (\S+)/.exec(line)?.[1]);
  if (revision === '2026-07-28') {
    for (const scenario of TASK_SCENARIOS) {
      // A scenario that could check nothing also says "0 failed".
      expect(result.output).toMatch(new RegExp(`✓ ${scenario}: [1-9]\\d* passed, 0 failed`));
    }
  }
  return names.filter((name): name is string => name !== undefined && !extra.includes(name));
}
