import { Injectable } from '@nestjs/common';
import { LogDecoder } from '../decoding/log-decoder.js';
import { ForgeStreams } from './forge-streams.service.js';

/** A running process's log is taken as read when nothing came for this long. */
const QUIET_MS = 200;
const LIMIT_MS = 10_000;
/** Characters; of a longer log the end is shown. */
const MAX_LENGTH = 2_000_000;

/** Reads what a process has logged so far. Forge has logs in streams only. */
@Injectable()
export class LogReader {
  constructor(private readonly streams: ForgeStreams) {}

  /**
   * @returns the log up to now, empty when Forge has none. Lines are whole, in the order they end: Forge gives stdout
   *   and stderr in pieces that would cut each other's lines.
   */
  read(processId: string): Promise<string> {
    return new Promise((resolve) => {
      const decoder = new LogDecoder();
      let text = '';
      const done = () => {
        clearTimeout(limit);
        clearTimeout(quiet);
        stream.close();
        const unfinished = decoder.end().map((line) => line.text);
        resolve(text + unfinished.join('\n'));
      };
      const limit = setTimeout(done, LIMIT_MS);
      let quiet: NodeJS.Timeout | undefined;
      const wait = () => {
        clearTimeout(quiet);
        quiet = setTimeout(done, QUIET_MS);
      };
      const stream = this.streams.openApart('raw-logs', processId, {
        onOpen: () => {
          decoder.reset();
          text = '';
          wait();
        },
        onFrame: (frame) => {
          const lines = decoder.accept(frame).map((line) => `${line.text}\n`);
          text = (text + lines.join('')).slice(-MAX_LENGTH);
          wait();
        },
        onError: () => {},
        onEnd: done,
      });
    });
  }
}
