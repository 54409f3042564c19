import type { JsonObject, JsonValue } from '../../platform/json.js';
import type { RecordedEvent } from '../operation-event.js';
import type { InputOutcome } from '../operation-input.js';
import type { Operation } from '../operation.js';

/**
 * An independent reading of a whole log, for tests: the snapshot as the stored events alone tell it, without the
 * state machine that recorded them.
 * @param number the operation's order of creation, which its events do not tell
 */
export function foldLog(events: readonly RecordedEvent[], number: number): Operation {
  const [started] = events;
  if (!started) throw new Error('A log begins with its started event');
  const start = JSON.parse(started.data) as {
    operation_type: string;
    metadata: JsonObject;
    parent_operation_id?: string;
    created_by?: string;
  };
  let folded: Operation = {
    tenant: started.tenant,
    number,
    operationId: started.operationId,
    operationType: start.operation_type,
    metadata: start.metadata,
    owner: null,
    leaseSeconds: null,
    state: 'running',
    status: 'running',
    progress: 0,
    message: '',
    startedAt: started.timestamp,
    updatedAt: started.timestamp,
    endedAt: null,
    eventCount: 1,
    firstSeq: 1,
    logCounts: { debug: 0, info: 0, warning: 0, error: 0 },
    ...(start.parent_operation_id !== undefined && { parentOperationId: start.parent_operation_id }),
    ...(start.created_by !== undefined && { createdBy: start.created_by }),
  };
  for (const event of events.slice(1)) folded = fold(folded, event);
  return folded.endedAt === null ? folded : withdrawn(folded);
}

interface InputEvent {
  readonly status: string;
  readonly message: string;
  readonly input: {
    readonly state: 'requested' | InputOutcome;
    readonly key: string;
    readonly schema: JsonObject | null;
    readonly expires_at: number | null;
    readonly by: string | null;
  };
}

function foldInput(base: Operation, { status, message, input }: InputEvent, seq: number): Operation {
  const { open, closed } = base.inputs ?? { open: [], closed: [] };
  const { state, key, schema, expires_at: expiresAt, by } = input;
  const inputs =
    state === 'requested'
      ? {
          open: [...open, { key, message, schema, expiresAt, seq }],
          closed: closed.filter((other) => other.key !== key),
        }
      : {
          open: open.filter((other) => other.key !== key),
          closed: [...closed, { key, outcome: state, by }].slice(-16),
        };
  return { ...base, status, message, inputs };
}

/** Nobody waits for an answer after the end. */
function withdrawn({ inputs, ...ended }: Operation): Operation {
  if (!inputs) return ended;
  const left = inputs.open.map(({ key }) => ({ key, outcome: 'withdrawn' as const, by: null }));
  return { ...ended, inputs: { open: [], closed: [...inputs.closed, ...left].slice(-16) } };
}

function fold(before: Operation, { type, seq, timestamp, data }: RecordedEvent): Operation {
  const body = JSON.parse(data) as Record<string, JsonValue>;
  const base = { ...before, eventCount: seq, updatedAt: timestamp };
  const text = (field: string) => body[field] as string;
  switch (type) {
    case 'progress':
      return { ...base, progress: body.progress as number, message: text('message') };
    case 'status': {
      if (body.input) return foldInput(base, body as unknown as InputEvent, seq);
      const final = ['completed', 'error', 'cancelled'].includes(text('status'));
      const waits = (before.inputs?.open.length ?? 0) > 0;
      return { ...base, status: final || waits ? before.status : text('status'), message: text('message') };
    }
    case 'result':
      return { ...base, result: body.result! };
    case 'completed':
      return { ...base, state: 'completed', status: 'completed', progress: 1, endedAt: timestamp };
    case 'error':
      return {
        ...base,
        state: 'error',
        status: 'error',
        endedAt: timestamp,
        error: text('error'),
        errorType: text('error_type'),
      };
    case 'cancelled':
      return {
        ...base,
        state: 'cancelled',
        status: 'cancelled',
        endedAt: timestamp,
        message: text('reason'),
        ...(body.cancelled_by !== undefined && { cancelledBy: text('cancelled_by') }),
      };
    case 'log': {
      const level = text('level') as keyof Operation['logCounts'];
      return { ...base, logCounts: { ...before.logCounts, [level]: before.logCounts[level] + 1 } };
    }
  }
}
