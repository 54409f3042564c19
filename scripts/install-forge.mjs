/**
 * Installs the Forge server that the slow tests run against, from its npm package, into `.ci/cache`; does nothing
 * when it is there. Prints the path of the program. It is no dependency: 155 MB that only these tests need.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';

const PACKAGE = '@automagik/forge@0.7.4';
const SHA256 = { x64: '858d6bce6d92ee36f833ff6ffff6393d816896223a2c717b5d848a37f2780d22' };

const cache = fileURLToPath(new URL('../.ci/cache', import.meta.url));
const program = join(cache, 'forge-0.7.4', 'automagik-forge');

if (!existsSync(program)) install();
process.stdout.write(`${program}\n`);

function install() {
  if (process.platform !== 'linux') throw new Error('The package has a Linux program only');
  mkdirSync(join(cache, 'forge-0.7.4'), { recursive: true });
  const work = mkdtempSync(join(cache, 'forge-'));
  try {
    const packed = execFileSync('npm', ['pack', PACKAGE, '--silent', '--pack-destination', work], {
      encoding: 'utf8',
    });
    const member = `package/dist/linux-${process.arch}/automagik-forge.zip`;
    execFileSync('tar', ['xzf', join(work, packed.trim()), '-C', work, member]);
    const bytes = onlyEntry(readFileSync(join(work, member)));
    const expected = SHA256[process.arch];
    const found = createHash('sha256').update(bytes).digest('hex');
    if (expected !== undefined && found !== expected) throw new Error(`Not the expected program: ${found}`);
    // Moved into place when complete, so that an interrupted install is not taken for a finished one.
    const complete = join(work, 'automagik-forge');
    writeFileSync(complete, bytes);
    chmodSync(complete, 0o755);
    renameSync(complete, program);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The contents of the first file of a zip archive, found through the archive's directory at its end. */
function onlyEntry(zip) {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const directory = zip.readUInt32LE(end + 16);
  const method = zip.readUInt16LE(directory + 10);
  const size = zip.readUInt32LE(directory + 20);
  const header = zip.readUInt32LE(directory + 42);
  const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  const data = zip.subarray(start, start + size);
  return method === 0 ? data : inflateRawSync(data);
}
