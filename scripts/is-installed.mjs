import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * True when every package of a folder's lock file is there in its version. npm writes its own record last, so an
 * interrupted install is noticed and repeated; packages for other platforms are in the lock file only.
 */
export function isInstalled(folder) {
  const record = join(folder, 'node_modules/.package-lock.json');
  if (!existsSync(record)) return false;
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const installed = packagesOf(record);
  return Object.entries(packagesOf(join(folder, 'package-lock.json'))).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  );
}
