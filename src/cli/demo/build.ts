import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { demonstrate, type DemoContext } from './demo-work.js';

export interface BuildOutcome {
  readonly files: number;
  readonly bytes: number;
  readonly packed: number;
}

/** This package's own compiled files. */
const FOLDER = fileURLToPath(new URL('../../client', import.meta.url));
const PAUSE_MS = 120;
const LARGE_BYTES = 8000;

/** Packs the SDK's files: real files, real sizes. */
export function build(context: DemoContext): Promise<BuildOutcome | Error | undefined> {
  return demonstrate<BuildOutcome>(context, 'demo/build', { folder: 'client' }, async (job, pause) => {
    job.status('collecting');
    const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.[jt]s$/.test(name),
    );
    job.log('info', `${files.length} files`);
    job.status('packing');
    let bytes = 0;
    let packed = 0;
    for (const [index, name] of files.entries()) {
      const content = readFileSync(join(FOLDER, name));
      const small = gzipSync(content).length;
      bytes += content.length;
      packed += small;
      job.log('debug', `read ${name}`, { bytes: content.length });
      const share = Math.round((small / content.length) * 100);
      const line = `packed ${name} to ${share} %`;
      job.log('info', line, { ansi: `\u001b[32mpacked\u001b[0m ${name} \u001b[2mto ${share} %\u001b[0m` });
      if (content.length > LARGE_BYTES) job.log('warning', `${name} is large: ${content.length} bytes`);
      job.progress((index + 1) / files.length, `${index + 1} of ${files.length} files`);
      await pause(PAUSE_MS);
    }
    return { files: files.length, bytes, packed };
  });
}
