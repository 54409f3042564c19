import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../../.ci/cache/', import.meta.url));

/** What only some tests need, installed under `.ci/cache` on first use; programs that need a newer Node bring it. */
const PACKAGES = {
  'conformance-stable': { node: '22.23.3', '@modelcontextprotocol/conformance': '0.1.16' },
  'conformance-alpha': { node: '22.23.3', '@modelcontextprotocol/conformance': '0.2.0-alpha.12' },
  'sdk-clients': { '@modelcontextprotocol/sdk': '1.32.2', '@modelcontextprotocol/client': '2.4.0' },
  'durable-streams': {
    '@durable-streams/server-conformance-tests': '0.3.6',
    '@durable-streams/client': '0.2.7',
  },
  'durable-streams-transports': {
    '@durable-streams/client': '0.2.7',
    '@durable-streams/aisdk-transport': '0.0.7',
    '@durable-streams/tanstack-ai-transport': '0.0.9',
  },
  'real-peers': {
    '@modelcontextprotocol/server-everything': '2026.8.31',
    fastmcp: '4.20.16',
    supergateway: '4.0.0',
    zod: '4.6.7',
  },
  inspector: { node: '22.23.3', '@modelcontextprotocol/inspector': '2.12.0' },
} as const;

/** Python packages that only some tests need, each set in an environment of its own under `.ci/cache`. */
const PYTHON_PACKAGES = {
  'python-fastmcp': ['fastmcp==4.2.3', 'mcp==2.3.0'],
  'python-durable-streams': ['durable-streams==0.1.0'],
  'python-fastapi-mcp': ['fastapi-mcp==0.4.0', 'mcp==1.30.0', 'uvicorn==0.54.0'],
  'python-gradio': ['gradio[mcp]==6.31.0'],
  'python-sdk1': ['mcp[ws]==1.30.0', 'uvicorn==0.54.0'],
} as const;

export interface ProgramResult {
  readonly code: number;
  readonly output: string;
}

type PackageSet = keyof typeof PACKAGES;

/** @returns the directory of a set of packages */
export async function installed(name: PackageSet): Promise<string> {
  const directory = `${CACHE}${name}/`;
  const done = `${directory}installed.json`;
  const wanted = JSON.stringify(PACKAGES[name]);
  if (!existsSync(done) || (await readFile(done, 'utf8')) !== wanted) {
    await mkdir(directory, { recursive: true });
    const manifest = { private: true, dependencies: PACKAGES[name], allowScripts: { node: true } };
    await writeFile(`${directory}package.json`, JSON.stringify(manifest));
    await run('npm', ['install', '--no-audit', '--no-fund'], { cwd: directory });
    await writeFile(done, wanted);
  }
  return directory;
}

/** Imports a module of a set of packages, under the test's own Node. */
export async function importFrom<Module>(name: PackageSet, specifier: string): Promise<Module> {
  const resolve = createRequire(`${await installed(name)}package.json`).resolve;
  return (await import(pathToFileURL(resolve(specifier)).href)) as Module;
}

/** @returns runs a file of a set of packages under the Node that came with it */
export async function node22Program(
  name: PackageSet,
  file: string,
): Promise<(args: readonly string[]) => Promise<ProgramResult>> {
  const directory = await installed(name);
  return async (args) => {
    try {
      const { stdout, stderr } = await run(
        `${directory}node_modules/node/bin/node`,
        [`${directory}node_modules/${file}`, ...args],
        {
          cwd: directory,
          maxBuffer: 64 * 1024 * 1024,
        },
      );
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

/** @returns the Python of an environment that has a set of packages */
export async function pythonWith(name: keyof typeof PYTHON_PACKAGES): Promise<string> {
  const directory = `${CACHE}${name}`;
  const python = `${directory}/bin/python`;
  const done = `${directory}/installed.json`;
  const wanted = JSON.stringify(PYTHON_PACKAGES[name]);
  if (!existsSync(done) || (await readFile(done, 'utf8')) !== wanted) {
    await run('python3', ['-m', 'venv', '--clear', directory]);
    await run(python, ['-m', 'pip', 'install', '--quiet', ...PYTHON_PACKAGES[name]]);
    await writeFile(done, wanted);
  }
  return python;
}
