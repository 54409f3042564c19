/**
 * Checks the English that can be checked: `npm run lint:language`. Pages: sentences of at most 30 words. Pages and
 * source comments: no requirement ids, no document numbers, none of the phrases below.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const MAX_WORDS = 30;

/** What to avoid, and what to write instead. */
const PHRASES = [
  [/\bwhoever\b/i, 'name the actor'],
  [/\bwhatever\b/i, 'say "any" or "regardless of"'],
  [/\bof (?:one|its|their|your|our)['’]?s? own accord\b/i, 'say "by itself" or "server-initiated"'],
  [/\bof one['’]s own\b/i, 'say "custom" or "your own"'],
  [/\bfar (?:side|end)\b/i, 'say "peer" or "remote"'],
  [/\banew\b/i, 'say "again"'],
  [/\bas ever\b/i, 'say "as before", or drop it'],
  [/\bfor ever\b/i, 'say "forever"'],
  [/\bfor want of\b/i, 'say "without"'],
  [/\b(?:is|are|be) owed\b/i, 'say what the caller gets'],
  [/\bthe wish\b/i, 'say "the request"'],
  [/\b(?:more|other|many|every|whichever|all) faces?\b/i, 'say "transport"'],
  [/\bsay (?:nothing|a word) of (?:our|its) own\b/i, 'say what is printed'],
  [
    /(?<!\bthere )\b(?:is|are) no (?:JSON|object|text|file|address|method|event|operation|command|end|failure|answer)\b/i,
    'say "is not a …"',
  ],
  [/\b(?:whence|thither|hither|thereby|hereby|thereof)\b/i, 'use a plain word'],
  [/\b[Dd]ocument 00\d\b/, 'name the project'],
  [/\b(?:S[0-4]|X)-\d+/, 'requirement ids belong in test names'],
];

/** @returns the complaints about a text, each with its line number from 1 */
export function phrasesIn(text) {
  return text.split('\n').flatMap((line, index) =>
    PHRASES.flatMap(([pattern, advice]) => {
      const found = pattern.exec(line.replaceAll(/`[^`]*`/g, '``'));
      return found ? [{ line: index + 1, problem: `"${found[0]}": ${advice}` }] : [];
    }),
  );
}

/** Sentences of a Markdown page that are too long. Code, tables and headings have none. */
export function longSentencesIn(markdown) {
  const prose = markdown.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, (block) =>
    '\n'.repeat(block.split('\n').length - 1),
  );
  const complaints = [];
  let line = 1;
  for (const paragraph of prose.split(/(\n(?=\s*(?:[-*|#>]|\d+\.)\s?)|\n\s*\n)/)) {
    const isProse = paragraph.trim() !== '' && !/^\s*(?:\||#|<)/.test(paragraph);
    if (isProse) {
      const first = line + (/^\n*/.exec(paragraph)?.[0].length ?? 0);
      for (const sentence of sentencesOf(paragraph)) {
        const words = sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
        if (words > MAX_WORDS) {
          complaints.push({ line: first, problem: `${words} words: "${sentence.trim().slice(0, 60)}…"` });
        }
      }
    }
    line += paragraph.split('\n').length - 1;
  }
  return complaints;
}

function sentencesOf(paragraph) {
  return paragraph
    .replaceAll(/`[^`]*`/g, 'code')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/\b(?:e\.g|i\.e|vs|etc)\./g, 'eg')
    .replaceAll(/\s+/g, ' ')
    .split(/(?<=[.!?])[*_)]*\s+/);
}

/** Comments and texts of TypeScript: everything but test names, which carry requirement ids on purpose. */
function isSource(path) {
  return path.endsWith('.ts') && !/\.(?:spec|contract|slow-spec)\.ts$/.test(path);
}

function filesBelow(folder, wanted) {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((path) => join(folder, path))
    .filter(wanted)
    .toSorted();
}

/** @returns every complaint, as `path:line problem` */
export function lint() {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'examples/README.md',
    'forge/mcp/README.md',
    ...filesBelow('docs', (path) => path.endsWith('.md')),
  ];
  const sources = filesBelow('src', isSource);
  return [...pages, ...sources, '.env.example'].flatMap((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const long = path.endsWith('.md') ? longSentencesIn(text) : [];
    // The page on contributing quotes what it forbids.
    const phrases = path === 'CONTRIBUTING.md' ? [] : phrasesIn(text);
    return [...phrases, ...long].map(
      ({ line, problem }) => `${relative('.', path).split(sep).join('/')}:${line} ${problem}`,
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const complaints = lint();
  for (const complaint of complaints) console.error(complaint);
  if (complaints.length > 0) process.exitCode = 1;
}
