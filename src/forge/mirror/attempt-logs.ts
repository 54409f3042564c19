import type { ExecutionProcess } from '../api/forge-records.js';
import type { ForgeStream } from '../streams/forge-stream.js';
import type { ForgeStreams } from '../streams/forge-streams.service.js';
import type { MirrorEvent } from './mirror-events.js';
import type { MirrorRecord } from './mirror-record.js';
import { AgentLog } from './agent-log.js';
import { ProcessLog } from './process-log.js';
import { hasEnded } from './run-outcome.js';

export interface LogTarget {
  record(events: readonly MirrorEvent[]): Promise<void>;
  /** A log is complete or unavailable. */
  logEnded(): void;
}

interface FollowedLog {
  readonly log: ProcessLog;
  /** The agent's normalized entries, when they are followed instead of raw output. */
  readonly agent: AgentLog;
  readonly process: ExecutionProcess;
  stream: ForgeStream | undefined;
  /** `text`: no stream has it, but the process record may. */
  state: 'streaming' | 'complete' | 'text';
}

/** Maximum processes of one attempt whose logs are followed. */
const MAX_LOGS = 200;

/** Follows the logs of all processes of an attempt, one stream each. */
export class AttemptLogs {
  private readonly logs = new Map<string, FollowedLog>();

  constructor(
    private readonly tenant: string,
    private readonly streams: ForgeStreams,
    private readonly recorded: MirrorRecord,
    private readonly target: LogTarget,
    /** Record agents' raw output instead of normalized entries. */
    private readonly raw: boolean,
  ) {}

  /** True while a log that will end is still being read; a development server's never does. */
  get pending(): boolean {
    for (const { state, process } of this.logs.values()) {
      if (state === 'streaming' && process.run_reason !== 'devserver') return true;
    }
    return false;
  }

  /** Registers a new or changed process; its log is opened once. */
  async see(process: ExecutionProcess): Promise<void> {
    const known = this.logs.get(process.id);
    if (!known) {
      if (this.logs.size >= MAX_LOGS) return;
      const log = new ProcessLog(process.id, this.recorded);
      const agent = new AgentLog(process.id, this.recorded, (events) => this.target.record(events));
      this.logs.set(process.id, { log, agent, process, stream: undefined, state: 'streaming' });
      const isAgent =
        process.run_reason === 'codingagent' && !this.raw && this.streams.has('normalized-logs');
      // An operation that already has an agent's raw output continues with it.
      const hasBytes = (['stdout', 'stderr'] as const).some(
        (name) => this.recorded.linesOf(process.id, name) > 0,
      );
      if (isAgent && !hasBytes) this.openAgent(process.id);
      else this.open(process.id);
    } else if (known.state === 'text') {
      await this.takeText(known.log, process);
    }
  }

  close(): void {
    for (const followed of this.logs.values()) {
      followed.agent.close();
      followed.stream?.close();
      followed.stream = undefined;
    }
  }

  private openAgent(processId: string): void {
    const followed = this.logs.get(processId)!;
    const { agent } = followed;
    followed.stream = this.streams.open(this.tenant, 'normalized-logs', processId, {
      onOpen: () => agent.restart(),
      onFrame: (frame) => agent.accept(frame),
      onError: () => {},
      onEnd: ({ reason }) => {
        followed.stream = undefined;
        // Forge cannot normalize the output of every agent.
        if (reason === 'refused') return this.open(processId);
        followed.state = 'complete';
        void agent.end().then(() => this.target.logEnded());
      },
    });
  }

  private open(processId: string): void {
    const followed = this.logs.get(processId)!;
    const { log, process } = followed;
    followed.stream = this.streams.open(this.tenant, 'raw-logs', processId, {
      onOpen: () => log.restart(),
      onFrame: (frame) => this.target.record(log.accept(frame)),
      // The diff stream reports that Forge is down; a log just waits.
      onError: () => {},
      onEnd: ({ reason }) => {
        followed.stream = undefined;
        followed.state = reason === 'refused' ? 'text' : 'complete';
        if (reason === 'refused') void this.takeText(log, process);
        this.target.logEnded();
      },
    });
  }

  private takeText(log: ProcessLog, process: ExecutionProcess): Promise<void> {
    const text = process.logs ?? process.output;
    if (typeof text !== 'string' || text === '') return Promise.resolve();
    return this.target.record(log.acceptText(text, hasEnded(process)));
  }
}
