import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { InvalidConfigurationError } from '../../../config/configuration.js';
import { SCOPES } from '../../principal.js';
import type { ApiKey } from '../api-key.js';
import { ApiKeyStore } from '../api-key-store.js';

const fileSchema = z.strictObject({
  keys: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
      tenant: z.string(),
      userId: z.string(),
      scopes: z.array(z.enum(SCOPES)),
      createdAt: z.number(),
      expiresAt: z.number().nullable(),
    }),
  ),
});

/** One JSON file, readable only by the service's user, replaced as a whole. */
export class FileApiKeyStore extends ApiKeyStore {
  constructor(private readonly path: string) {
    super();
  }

  load(): readonly ApiKey[] {
    if (!existsSync(this.path)) return [];
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.path, 'utf8'))).keys;
    } catch (thrown) {
      // Starting without them would lock out every key holder, and the next save would lose all keys.
      throw new InvalidConfigurationError(
        `${this.path} is not a valid API key file: repair it or move it away`,
        {
          cause: thrown,
        },
      );
    }
  }

  async save(keys: readonly ApiKey[]): Promise<void> {
    mkdirSync(dirname(this.path), { recursive: true });
    const fresh = `${this.path}.new`;
    const file = await open(fresh, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ keys }, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, this.path);
  }
}
