import type { Scope } from '../principal.js';

/** An API key as stored: everything but the secret, of which only the hash is kept. */
export interface ApiKey {
  readonly id: string;
  /** Description given by its owner. */
  readonly name: string;
  /** SHA-256 of the key, hex. 256 random bits need no salt and no slow hash. */
  readonly hash: string;
  readonly tenant: string;
  /** User that requests with this key act as. */
  readonly userId: string;
  readonly scopes: readonly Scope[];
  /** Unix seconds. */
  readonly createdAt: number;
  /** Unix seconds; null: until it is revoked. */
  readonly expiresAt: number | null;
}
