import { describe, expect, it } from 'vitest';
import { RecordedEvent, type EventType } from './operation-event.js';
import { OperationTypes } from './operation-types.js';

function event(operationId: string, seq: number, type: EventType, data: object): RecordedEvent {
  return new RecordedEvent({
    tenant: 'default',
    operationId,
    seq,
    position: seq,
    type,
    timestamp: 1,
    data: JSON.stringify(data),
  });
}

const opened = (id: string, operation_type: string): RecordedEvent =>
  event(id, 1, 'status', { status: 'started', operation_type });

describe('OperationTypes', () => {
  const types = new OperationTypes((type) => type === 'import');

  it.each([
    ['import', 'import'],
    ['import/small', 'other'],
    ['a client’s own words', 'other'],
    ['mcp.tool/echo', 'mcp.tool'],
    ['mcp.toolbox', 'other'],
    ['run/npm', 'run'],
    ['forge.attempt', 'forge.attempt'],
  ])('S1-70: %s is labelled %s', (type, label) => expect(types.label(type)).toBe(label));

  it('remembers an operation’s type until its end', () => {
    expect(types.labelOf(opened('a', 'import'), false)).toBe('import');
    expect(types.labelOf(event('a', 2, 'log', {}), false)).toBe('import');
    expect(types.labelOf(event('a', 3, 'completed', {}), true)).toBe('import');
    expect(types.labelOf(event('a', 4, 'log', {}), false)).toBeUndefined();
    types.labelOf(opened('b', 'import'), false);
    types.forget({ tenant: 'default', operationId: 'b' });
    expect(types.labelOf(event('b', 2, 'error', {}), true)).toBeUndefined();
  });
});
