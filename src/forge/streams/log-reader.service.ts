import { Injectable } from '@nestjs/common';
import { isRecord, type ForgeFrame } from '../decoding/frame.js';
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

  /** @returns the log up to now, stdout and stderr in the order Forge gives; empty when Forge has none */
  read(processId: string): Promise<string> {
    return new Promise((resolve) => {
      let text = '';
      const done = () => {
        clearTimeout(limit);
        clearTimeout(quiet);
        stream.close();
        resolve(text);
      };
      const limit = setTimeout(done, LIMIT_MS);
      let quiet: NodeJS.Timeout | undefined;
      const wait = () => {
        clearTimeout(quiet);
        quiet = setTimeout(done, QUIET_MS);
      };
      const stream = this.streams.openApart('raw-logs', processId, {
        onOpen: wait,
        onFrame: (frame) => {
          text = (text + textOf(frame)).slice(-MAX_LENGTH);
          wait();
        },
        onError: () => {},
        onEnd: done,
      });
    });
  }
}

function textOf(frame: ForgeFrame): string {
  if (frame.kind === 'text' || frame.kind === 'object') {
    return frame.text.endsWith('\n') ? frame.text : `${frame.text}\n`;
  }
  if (frame.kind !== 'patch') return '';
  return frame.operations
    .map(({ value }) => (isRecord(value) && typeof value.content === 'string' ? value.content : ''))
    .join('');
}
