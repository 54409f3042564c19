import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NOT_OURS = new Set(['node_modules', 'dist', 'data', 'raw']);

/** A page's text without its code, in which brackets mean other things. */
const prose = (text: string): string =>
  text.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, 'code');

/** As GitHub names the headings of a page. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/^```.*?^```/gms, '').matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('Markdown', () => {
  const pages = new Map<string, string>();

  beforeAll(async () => {
    for (const entry of await readdir(ROOT, { withFileTypes: true })) {
      if (NOT_OURS.has(entry.name) || entry.name.startsWith('.')) continue;
      const below = entry.isDirectory() ? await readdir(join(ROOT, entry.name), { recursive: true }) : [''];
      for (const page of below.map((path) => join(entry.name, path))) {
        // Benchmarks and examples may have packages of their own.
        if (page.split('/').some((name) => NOT_OURS.has(name))) continue;
        if (page.endsWith('.md')) pages.set(page, await readFile(join(ROOT, page), 'utf8'));
      }
    }
  });

  it('S1-73: every link within the project leads to a file, and to a heading of it', () => {
    const broken: string[] = [];
    let followed = 0;
    for (const [page, text] of pages) {
      for (const [, target] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        const [path, anchor] = target!.split('#') as [string, string?];
        const file = path === '' ? page : resolve('/', dirname(page), path).slice(1);
        followed++;
        const anchored = anchor === undefined || anchorsOf(pages.get(file) ?? '').has(anchor);
        if (!existsSync(join(ROOT, file)) || !anchored) broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
    expect(followed).toBeGreaterThan(30);
  });

  it('every page of docs/ is linked from the README', () => {
    const linked = pages.get('README.md')!;
    const docs = [...pages.keys()].filter((page) => page.startsWith('docs/'));
    expect(docs.length).toBeGreaterThan(5);
    expect(docs.filter((page) => !linked.includes(`](${page})`))).toEqual([]);
  });
});
