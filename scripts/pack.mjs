/**
 * Packs what is published, into `pack/`: the service with its library and command (`opstream`), and the SDK alone
 * (`opstream-client`), which brings nothing of the server. `npm run pack`, after a build.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = resolve(process.argv[2] ?? join(root, 'pack'));
if (!existsSync(join(root, 'dist/client/index.js'))) {
  process.stderr.write('Nothing is built: npm run build\n');
  process.exit(1);
}
mkdirSync(target, { recursive: true });
const pack = (folder) =>
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', target], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  }).trim();

const client = mkdtempSync(join(tmpdir(), 'opstream-client-'));
try {
  const { version, license, engines, dependencies } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  const manifest = {
    name: 'opstream-client',
    version,
    description: 'Client SDK of Opstream: follow and record long-running operations, in browsers and Node.',
    license,
    type: 'module',
    engines,
    exports: { '.': './dist/index.js' },
    files: ['dist', 'README.md', 'LICENSE'],
    // Node has a WebSocket of its own; only connections with headers (WebSocketManager) need another one.
    peerDependencies: { ws: `^${dependencies.ws}` },
    peerDependenciesMeta: { ws: { optional: true } },
  };
  writeFileSync(join(client, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(join(root, 'dist/client'), join(client, 'dist'), {
    recursive: true,
    filter: (path) => !path.endsWith('.map'),
  });
  // Its own links lead into the repository's other pages.
  const page = readFileSync(join(root, 'docs/sdk.md'), 'utf8').replaceAll(
    'opstream/client',
    'opstream-client',
  );
  writeFileSync(join(client, 'README.md'), page.replaceAll(/\[([^\]]+)\]\((?!https?:)[^)]+\)/g, '$1'));
  cpSync(join(root, 'LICENSE'), join(client, 'LICENSE'));
  for (const packed of [pack(root), pack(client)]) process.stdout.write(`${join(target, packed)}\n`);
} finally {
  rmSync(client, { recursive: true, force: true });
}
