import type { ApiKey } from './api-key.js';

/** Port: where API keys are kept. They are few, and held in memory while the service runs. */
export abstract class ApiKeyStore {
  /** Called once, at start. @throws InvalidConfigurationError when what is kept cannot be read */
  abstract load(): readonly ApiKey[];

  /** Replaces all; resolves once they are durable. */
  abstract save(keys: readonly ApiKey[]): Promise<void>;
}
