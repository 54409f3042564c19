import { OpstreamError } from '../platform/errors/opstream-error.js';
import { LIMITS, type MemoryEntry } from './session.js';
import type { MemoryWrite } from './session-store.js';

/**
 * What a key becomes, given what it is now. An expired entry counts as none.
 * @throws OpstreamError `key_exists`, `version_conflict`
 */
export function decideMemory(write: MemoryWrite, present: MemoryEntry | undefined): MemoryEntry {
  const { key, sessionId, value, metadata, expiresAt, overwrite, ifVersion, at } = write;
  const version = present?.version ?? 0;
  if (ifVersion !== undefined && ifVersion !== version) {
    throw new OpstreamError(
      'version_conflict',
      `Memory key '${key}' has version ${version}, not ${ifVersion}`,
      {
        existing_key: key,
        version,
      },
    );
  }
  if (present && !overwrite) {
    throw new OpstreamError(
      'key_exists',
      `Memory key '${key}' already exists. Use overwrite=True to replace.`,
      { existing_key: key, overwrite_option: true },
    );
  }
  return {
    key,
    sessionId,
    value,
    metadata,
    createdAt: present?.createdAt ?? at,
    updatedAt: at,
    expiresAt,
    version: version + 1,
  };
}

export function tooManyKeys(): OpstreamError {
  return new OpstreamError('too_many_memory_keys', `An agent may keep ${LIMITS.memoryKeys} memory keys`);
}
