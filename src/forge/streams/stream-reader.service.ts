import { Injectable } from '@nestjs/common';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { ForgeFrame } from '../decoding/frame.js';
import { LogDecoder } from '../decoding/log-decoder.js';
import { PatchedCollection } from '../decoding/patched-collection.js';
import { ForgeStreams } from './forge-streams.service.js';
import type { StreamEnd } from './forge-stream.js';
import type { StreamKind } from './stream-urls.js';

/** Content counts as complete when nothing has arrived for this long. */
const QUIET_MS = 200;
const LIMIT_MS = 10_000;
/** Characters; of a longer log the end is shown. */
const MAX_LENGTH = 2_000_000;
/** Maximum entries of other streams; further ones are omitted. */
const MAX_ENTRIES = 10_000;

/** Reads the current content of a stream. Forge has logs and drafts only in streams. */
@Injectable()
export class StreamReader {
  constructor(private readonly streams: ForgeStreams) {}

  /**
   * @returns a process's log so far, empty when Forge has none. Lines are complete, in the order in which they end:
   *   Forge sends stdout and stderr in chunks that would split each other's lines.
   */
  async log(processId: string): Promise<string> {
    const decoder = new LogDecoder();
    let text = '';
    await this.collect('raw-logs', processId, (frame) => {
      const lines = decoder.accept(frame).map((line) => `${line.text}\n`);
      text = (text + lines.join('')).slice(-MAX_LENGTH);
    });
    const unfinished = decoder.end().map((line) => line.text);
    return text + unfinished.join('\n');
  }

  /**
   * @param id of the process (`normalized-logs`) or the project (`drafts`)
   * @returns the entries in Forge's order
   * @throws OpstreamError `forge_not_found` when Forge has no such stream, `forge_unavailable`
   */
  async entries(kind: 'normalized-logs' | 'drafts', id: string): Promise<unknown[]> {
    const collection = new PatchedCollection(kind === 'drafts' ? 'drafts' : 'entries');
    const end = await this.collect(kind, id, (frame) => {
      if (frame.kind === 'patch' && collection.values.size < MAX_ENTRIES) collection.apply(frame.operations);
    });
    if (end?.reason === 'refused')
      throw new OpstreamError('forge_not_found', `Forge has no ${kind} of ${id}`);
    if (end?.reason === 'unreachable') {
      throw new OpstreamError('forge_unavailable', `Forge cannot be reached: ${end.error.message}`);
    }
    return [...collection.values.values()];
  }

  /**
   * Reads a separate socket, opened once, until it is finished or quiet.
   * @returns how it ended, unless it became quiet
   */
  private collect(
    kind: StreamKind,
    id: string,
    onFrame: (frame: ForgeFrame) => void,
  ): Promise<StreamEnd | undefined> {
    if (!this.streams.has(kind)) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const done = (end?: StreamEnd) => {
        clearTimeout(limit);
        clearTimeout(quiet);
        stream.close();
        resolve(end);
      };
      const limit = setTimeout(() => done(), LIMIT_MS);
      let quiet: NodeJS.Timeout | undefined;
      const wait = () => {
        clearTimeout(quiet);
        quiet = setTimeout(() => done(), QUIET_MS);
      };
      const stream = this.streams.openApart(kind, id, {
        onOpen: wait,
        onFrame: (frame) => {
          onFrame(frame);
          wait();
        },
        onError: () => {},
        onEnd: done,
      });
    });
  }
}
