import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';

/** The built page: from `src/dashboard` and from `dist/dashboard` alike. */
const FOLDER = fileURLToPath(new URL('../../dist/dashboard/public/', import.meta.url));

export const INDEX = 'index.html';

/** Types of the files that the build writes. */
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

export type Encoding = 'br' | 'gzip' | 'identity';

/** One file of the dashboard, in each encoding it is served in. */
export interface DashboardFile {
  readonly type: string;
  readonly etag: string;
  /** The name changes with the content, so that browsers may keep the file forever. */
  readonly immutable: boolean;
  readonly bodies: Readonly<Partial<Record<Encoding, Buffer>>> & { readonly identity: Buffer };
}

/** Where the page is, seen from the service. Both are paths without quotes or other special characters. */
export interface PagePlace {
  /** The service's root as seen from the page: `./`, or `../` for each segment of the mount path. */
  readonly root: string;
  readonly agentsPath: string;
}

/**
 * Reads the built dashboard into memory: it is small, and no request can then touch the disk.
 * @param place what the page cannot know by itself
 * @returns the files by path, e.g. `assets/index-B3x.js`; undefined when nothing is built
 */
export function readDashboard(place: PagePlace, folder = FOLDER): Map<string, DashboardFile> | undefined {
  if (!existsSync(join(folder, INDEX))) return undefined;
  const files = new Map<string, DashboardFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const type = TYPES[/\.\w+$/.exec(entry.name)?.[0] ?? ''];
    if (!entry.isFile() || type === undefined) continue;
    const name = relative(folder, path).split(sep).join('/');
    files.set(name, name === INDEX ? indexFile(path, type, place) : builtFile(path, type));
  }
  return files;
}

/** The page learns where the service is; its twins are therefore made here and not by the build. */
function indexFile(path: string, type: string, { root, agentsPath }: PagePlace): DashboardFile {
  const identity = Buffer.from(
    readFileSync(path, 'utf8')
      .replace('content="./"', `content="${root}"`)
      .replace('content="/agents"', `content="${agentsPath}"`),
  );
  const bodies = { identity, br: brotliCompressSync(identity), gzip: gzipSync(identity) };
  return { type, etag: etagOf(identity), immutable: false, bodies };
}

function builtFile(path: string, type: string): DashboardFile {
  const identity = readFileSync(path);
  const twin = (extension: string): Buffer | undefined =>
    existsSync(path + extension) ? readFileSync(path + extension) : undefined;
  const [br, gzip] = [twin('.br'), twin('.gz')];
  const bodies = { identity, ...(br && { br }), ...(gzip && { gzip }) };
  return { type, etag: etagOf(identity), immutable: true, bodies };
}

function etagOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 22);
}

/** The smallest encoding that the client takes and the file has. */
export function chooseEncoding(file: DashboardFile, acceptEncoding: string | undefined): Encoding {
  const accepted = new Map(
    (acceptEncoding ?? '').split(',').map((one) => {
      const [name = '', ...parameters] = one
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/);
      return [name, !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))];
    }),
  );
  const takes = (name: string): boolean => accepted.get(name) ?? accepted.get('*') ?? false;
  if (file.bodies.br && takes('br')) return 'br';
  if (file.bodies.gzip && takes('gzip')) return 'gzip';
  return 'identity';
}
