// Bundles the dashboard, and puts a Brotli and a gzip twin beside every file, so that the service compresses nothing.
// `node scripts/build-dashboard.mjs [folder]`: into dist/dashboard/public by default; reports what a first visit loads.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const outDir = resolve(process.argv[2] ?? join(ROOT, 'dist/dashboard/public'));

await build({
  root: join(ROOT, 'src/dashboard/client'),
  // Relative, since the page may be mounted at any path, also behind a proxy.
  base: './',
  configFile: false,
  envDir: false,
  publicDir: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // A second copy of Preact or of the signals would silently stop updates.
  resolve: { dedupe: ['preact', '@preact/signals', '@preact/signals-core'] },
  build: {
    outDir,
    emptyOutDir: true,
    target: ['chrome111', 'firefox121', 'safari17.5'],
    modulePreload: { polyfill: false },
    // A data: URL would be refused as a font or script by the page's policy.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      // The SDK imports it in Node only.
      external: ['ws'],
    },
  },
});

for (const entry of readdirSync(outDir, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || entry.name.endsWith('.html')) continue;
  const path = join(entry.parentPath, entry.name);
  const content = readFileSync(path);
  const size = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  writeFileSync(`${path}.br`, brotliCompressSync(content, { params: size }));
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
}

if (process.argv.includes('--sizes')) {
  for (const name of readdirSync(join(outDir, 'assets')).filter((name) => name.endsWith('.br')))
    process.stdout.write(`${name} ${(statSync(join(outDir, 'assets', name)).size / 1000).toFixed(1)} kB\n`);
}
