import type { ApiKey } from '../api-key.js';
import { ApiKeyStore } from '../api-key-store.js';

/** For `STORE=memory`: keys are lost when the process ends. */
export class MemoryApiKeyStore extends ApiKeyStore {
  load(): readonly ApiKey[] {
    return [];
  }

  save(): Promise<void> {
    return Promise.resolve();
  }
}
