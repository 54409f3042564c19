import { OpstreamError } from '../platform/errors/opstream-error.js';
import { decideAppend } from './decide-append.js';
import { decideCreate, expiryOf } from './decide-create.js';
import { begun, grow } from './grow.js';
import { checkQuota, type Growth, type StreamLimits } from './quota.js';
import type { StreamRows } from './stream-rows.js';
import type { AppendToStream, CreateStream, Piece, StreamCommand, Written } from './stream-store.js';
import type { StreamHead } from './stream.js';

/** A change of the stream alone. */
export const UNCHANGED = { streamSeq: null, producer: null, closedBy: null };

/** Carries out commands on an engine's tables: the part of a store that is the same for every engine. */
export class StreamWriter {
  /** @param generation of what is appended from now on */
  constructor(
    private readonly rows: StreamRows,
    private readonly limits: StreamLimits,
    private readonly generation: string,
  ) {}

  /** @throws OpstreamError the refusal; nothing was changed then */
  carryOut(command: StreamCommand, now: number): Written {
    const found = this.rows.byPath(command.tenant, command.path);
    if (found && !found.deleted && isOver(found, now)) this.remove(found);
    const head = found && this.rows.byPath(command.tenant, command.path);
    if (command.kind === 'create') return this.create(command, head, now);
    if (!head) throw new OpstreamError('stream_not_found', `There is no stream ${command.path}`);
    if (head.deleted) throw new OpstreamError('stream_gone', 'The stream is deleted');
    if (command.kind === 'append') return this.append(command, head, now);
    this.remove(head);
    return { outcome: 'removed', head, entries: [], producerSeq: null };
  }

  /** Forks keep what they inherit: a source of theirs stays until the last of them is gone. */
  remove(head: StreamHead): void {
    if (this.rows.forks(head.id) > 0) {
      this.rows.update({ ...head, deleted: true }, UNCHANGED);
      return;
    }
    this.rows.delete(head);
    this.rows.addUsage(head.tenant, { streams: -1, bytes: -head.bytes });
    const source = head.fork && this.rows.byId(head.fork.sourceId);
    if (!source) return;
    this.rows.addForks(source.id, -1);
    if (source.deleted) this.remove(source);
  }

  private create(command: CreateStream, existing: StreamHead | undefined, now: number): Written {
    const { tenant, path, fork, pieces } = command;
    const source = fork ? this.livingSource(tenant, fork.sourcePath, now) : undefined;
    const decided = decideCreate(command, existing, source);
    if (decided === null) return { outcome: 'existed', head: existing!, entries: [], producerSeq: null };
    const added = sizeOf(pieces);
    this.checkQuota(tenant, { added, stream: 0, opens: true });
    const position = decided.fork?.position ?? 0;
    const entries = source ? this.rows.entriesBefore(source, position) : 0;
    const generations = source?.generations.filter(([, from]) => from <= position) ?? [];
    const empty = this.rows.insert({
      tenant,
      path,
      contentType: decided.contentType,
      lifetime: decided.lifetime,
      expiresAtMs: expiryOf(decided.lifetime, now),
      closed: false,
      deleted: false,
      isPublic: command.isPublic,
      tail: position,
      lastSeq: entries,
      bytes: 0,
      generations: begun(generations, this.generation, position),
      fork: decided.fork && { ...decided.fork, entries },
      operationId: command.operationId,
    });
    if (source) this.rows.addForks(source.id, 1);
    this.rows.addUsage(tenant, { streams: 1, bytes: added });
    const grown = grow(empty, pieces, command.closed, this.generation);
    if (grown.entries.length > 0) this.store(grown, UNCHANGED);
    return { outcome: 'created', head: grown.head, entries: grown.entries, producerSeq: null };
  }

  private append({ append, pieces, tenant }: AppendToStream, head: StreamHead, now: number): Written {
    const { producer, close, streamSeq } = append;
    const writers = this.rows.writers(head.id, producer?.id ?? null);
    if (decideAppend(head, append, writers) === 'duplicate') {
      return { outcome: 'duplicate', head, entries: [], producerSeq: writers.producer?.seq ?? null };
    }
    const added = sizeOf(pieces);
    if (added > 0) {
      this.checkQuota(tenant, { added, stream: head.bytes, opens: false });
      this.rows.addUsage(tenant, { streams: 0, bytes: added });
    }
    const living = { ...head, expiresAtMs: expiryOf(head.lifetime, now) };
    const grown = grow(living, pieces, close, this.generation);
    this.store(grown, { streamSeq, producer, closedBy: close ? producer : null });
    return {
      outcome: 'appended',
      head: grown.head,
      entries: grown.entries,
      producerSeq: producer?.seq ?? null,
    };
  }

  private checkQuota(tenant: string, growth: Omit<Growth, 'used' | 'total'>): void {
    const { rows, limits } = this;
    checkQuota(limits, { ...growth, used: rows.usage(tenant), total: rows.totalBytes() });
  }

  private store({ head, entries }: ReturnType<typeof grow>, change: Parameters<StreamRows['update']>[1]) {
    this.rows.addEntries(head.id, entries);
    this.rows.update(head, change);
  }

  private livingSource(tenant: string, path: string, now: number): StreamHead | undefined {
    const source = this.rows.byPath(tenant, path);
    return source && (source.deleted || !isOver(source, now)) ? source : undefined;
  }
}

export const isOver = ({ expiresAtMs }: StreamHead, now: number): boolean =>
  expiresAtMs !== null && expiresAtMs <= now;

const sizeOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { data }) => sum + data.length, 0);
