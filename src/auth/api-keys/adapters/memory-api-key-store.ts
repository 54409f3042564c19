import type { ApiKey } from '../api-key.js';
import { ApiKeyStore } from '../api-key-store.js';

/** For `STORE=memory`: keys end with the process, as everything else does. */
export class MemoryApiKeyStore extends ApiKeyStore {
  load(): readonly ApiKey[] {
    return [];
  }

  save(): Promise<void> {
    return Promise.resolve();
  }
}
