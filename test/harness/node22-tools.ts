import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../../.ci/cache/', import.meta.url));

/** Programs that need a newer Node than the service does, each in a directory of its own. */
const PACKAGES = {
  'conformance-stable': { node: '22.23.3', '@modelcontextprotocol/conformance': '0.1.16' },
  'conformance-alpha': { node: '22.23.3', '@modelcontextprotocol/conformance': '0.2.0-alpha.12' },
  inspector: { node: '22.23.3', '@modelcontextprotocol/inspector': '2.12.0' },
} as const;

export interface ProgramResult {
  readonly code: number;
  readonly output: string;
}

/** Installs a program on first use, under `.ci/cache`. @returns runs `file` of it under its own Node */
export async function node22Program(
  name: keyof typeof PACKAGES,
  file: string,
): Promise<(args: readonly string[]) => Promise<ProgramResult>> {
  const directory = `${CACHE}${name}/`;
  const node = `${directory}node_modules/node/bin/node`;
  if (!existsSync(`${directory}node_modules/${file}`) || !existsSync(node)) {
    await mkdir(directory, { recursive: true });
    const manifest = { private: true, dependencies: PACKAGES[name], allowScripts: { node: true } };
    await writeFile(`${directory}package.json`, JSON.stringify(manifest));
    await run('npm', ['install', '--no-audit', '--no-fund'], { cwd: directory });
  }
  return async (args) => {
    try {
      const { stdout, stderr } = await run(node, [`${directory}node_modules/${file}`, ...args], {
        cwd: directory,
        maxBuffer: 64 * 1024 * 1024,
      });
      return { code: 0, output: stdout + stderr };
    } catch (thrown) {
      const {
        code,
        stdout = '',
        stderr = '',
      } = thrown as { code?: unknown; stdout?: string; stderr?: string };
      if (typeof code !== 'number') throw thrown;
      return { code, output: stdout + stderr };
    }
  };
}
