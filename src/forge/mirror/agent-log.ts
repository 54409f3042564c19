import { createHash } from 'node:crypto';
import type { ForgeFrame } from '../decoding/frame.js';
import { isRecord } from '../decoding/frame.js';
import { PatchedCollection } from '../decoding/patched-collection.js';
import { entryEvent, type MirrorEvent } from './mirror-events.js';
import type { MirrorRecord } from './mirror-record.js';

/** An entry unchanged for this long counts as complete: agents rewrite their last one while they speak. */
const SETTLED_MS = 500;
/** Characters of an entry that are recorded. */
const MAX_TEXT = 60_000;

/** One normalized entry of an agent's log. */
interface AgentEntry {
  readonly kind: string;
  readonly text: string;
}

/**
 * Records an agent's normalized log: each entry once it is complete. A replay may bring entries in another order, so
 * recorded ones are recognized by their content.
 */
export class AgentLog {
  private readonly entries = new PatchedCollection('entries');
  /** Keys of complete entries. */
  private readonly taken = new Set<string>();
  /** How often each entry has arrived since the log was opened. */
  private seen = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private number = 0;

  constructor(
    private readonly processId: string,
    private readonly recorded: MirrorRecord,
    private readonly record: (events: readonly MirrorEvent[]) => Promise<void>,
  ) {}

  /** The log is replayed from its beginning. */
  restart(): void {
    clearTimeout(this.timer);
    this.entries.reset();
    this.taken.clear();
    this.seen = new Map();
    this.number = 0;
  }

  async accept(frame: ForgeFrame): Promise<void> {
    if (frame.kind === 'finished') return this.end();
    if (frame.kind !== 'patch') return undefined;
    const changes = this.entries.apply(frame.operations);
    const latest = changes.at(-1)?.key;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.end(), SETTLED_MS);
    // A later entry completes earlier ones.
    return this.take((key) => key !== latest);
  }

  /** Nothing more will come. */
  end(): Promise<void> {
    clearTimeout(this.timer);
    return this.take(() => true);
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private take(isComplete: (key: string) => boolean): Promise<void> {
    const events: MirrorEvent[] = [];
    for (const [key, value] of this.entries.values) {
      if (this.taken.has(key) || !isComplete(key)) continue;
      this.taken.add(key);
      const entry = agentEntry(value);
      if (entry && this.isNew(entry)) events.push(this.event(entry));
    }
    return events.length === 0 ? Promise.resolve() : this.record(events);
  }

  private isNew(entry: AgentEntry): boolean {
    const print = fingerprint(entry);
    const times = (this.seen.get(print) ?? 0) + 1;
    this.seen.set(print, times);
    return times > this.recorded.entriesOf(this.processId, print);
  }

  private event({ kind, text }: AgentEntry): MirrorEvent {
    this.number = Math.max(this.number, this.recorded.linesOf(this.processId, 'agent')) + 1;
    return entryEvent(this.processId, kind, text, this.number, fingerprint({ kind, text }));
  }
}

/** Undefined for an entry without content. */
function agentEntry(value: unknown): AgentEntry | undefined {
  const content = isRecord(value) && isRecord(value.content) ? value.content : undefined;
  if (!content || typeof content.content !== 'string') return undefined;
  const type = isRecord(content.entry_type) ? content.entry_type : {};
  const kind = typeof type.type === 'string' ? type.type : 'message';
  const tool = kind === 'tool_use' && typeof type.tool_name === 'string' ? `${type.tool_name}: ` : '';
  const text = `${tool}${content.content.trimEnd()}`.slice(0, MAX_TEXT);
  return text === '' ? undefined : { kind: kind.slice(0, 100), text };
}

function fingerprint({ kind, text }: AgentEntry): string {
  return createHash('sha256').update(`${kind}\n${text}`).digest('base64url').slice(0, 16);
}
