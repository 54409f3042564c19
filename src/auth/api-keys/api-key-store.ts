import type { ApiKey } from './api-key.js';

/** Port: storage of API keys. They are few, and held in memory while the service runs. */
export abstract class ApiKeyStore {
  /** Called once, at start. @throws InvalidConfigurationError when stored keys cannot be read */
  abstract load(): readonly ApiKey[];

  /** Replaces all keys; resolves once they are durable. */
  abstract save(keys: readonly ApiKey[]): Promise<void>;
}
