import type { Scope } from '../principal.js';

/** An API key as it is stored: everything but the key itself, of which only the hash is kept. */
export interface ApiKey {
  readonly id: string;
  /** What it is for, in its owner's words. */
  readonly name: string;
  /** SHA-256 of the key, hex. 256 random bits need no salt and no slow hash. */
  readonly hash: string;
  readonly tenant: string;
  /** Whom requests with it count as. */
  readonly userId: string;
  readonly scopes: readonly Scope[];
  /** Unix seconds. */
  readonly createdAt: number;
  /** Unix seconds; null: until it is revoked. */
  readonly expiresAt: number | null;
}
