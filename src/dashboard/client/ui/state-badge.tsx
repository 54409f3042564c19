import type { OperationSnapshot } from '../../../client/protocol/operation-events.js';

/** The five states an operation can look like. */
export type StateName = 'running' | 'input' | 'completed' | 'error' | 'cancelled';

export function stateOf({ status, ended_at: endedAt }: OperationSnapshot): StateName {
  if (endedAt === null) return status === 'input_required' ? 'input' : 'running';
  if (status === 'error' || status === 'cancelled') return status;
  return 'completed';
}

/** A shape for each state, so that colour is not the only difference. */
const SHAPES: Readonly<Record<StateName, string>> = {
  running: 'M6 1.5A4.5 4.5 0 1 1 1.5 6',
  input: 'M4 4.2a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.4M6 9.6v.4',
  completed: 'M2 6.5 4.8 9.3 10 3.2',
  error: 'M3 3l6 6M9 3l-6 6',
  cancelled: 'M2.5 6h7',
};

export function StateIcon({ state }: { readonly state: StateName }) {
  return (
    <svg class={`state-icon is-${state}`} viewBox="0 0 12 12" aria-hidden="true">
      <path d={SHAPES[state]} />
    </svg>
  );
}

/** The state in words; while an operation runs, its own word for what it does. */
export function StateBadge({ snapshot }: { readonly snapshot: OperationSnapshot }) {
  const state = stateOf(snapshot);
  return (
    <span class={`state is-${state}`} title={snapshot.status}>
      <StateIcon state={state} />
      <span class="state-word">{state === 'input' ? 'needs input' : snapshot.status}</span>
    </span>
  );
}
