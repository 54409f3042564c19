import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { Principal, Scope } from '../principal.js';
import type { ApiKey } from './api-key.js';
import { ApiKeyStore } from './api-key-store.js';

const KEY = /^[0-9a-f]{64}$/;
/** Maximum keys per tenant. */
const MAX_KEYS = 1000;

export interface NewApiKey {
  readonly name: string;
  readonly tenant: string;
  readonly userId: string;
  readonly scopes: readonly Scope[];
  /** Seconds from now; if absent, the key does not expire. */
  readonly expiresIn?: number | undefined;
}

interface Entry {
  readonly key: ApiKey;
  readonly principal: Principal;
  readonly revocation: AbortController;
}

/** API keys: 32 random bytes in hex, stored as a hash. */
@Injectable()
export class ApiKeys {
  private readonly byHash = new Map<string, Entry>();
  /** Saves run one after the other; never rejects. */
  private saved: Promise<unknown> = Promise.resolve();

  constructor(private readonly store: ApiKeyStore) {
    for (const key of store.load()) this.remember(key);
  }

  /** @returns undefined unless the secret is a valid key */
  principalOf(secret: string): Principal | undefined {
    const entry = KEY.test(secret) ? this.byHash.get(hashOf(secret)) : undefined;
    return entry === undefined || expired(entry.key) ? undefined : entry.principal;
  }

  /** @throws OpstreamError `unauthorized` */
  verify(secret: string): Principal {
    const principal = this.principalOf(secret);
    if (principal === undefined) throw new OpstreamError('unauthorized', 'Invalid API key');
    return principal;
  }

  /**
   * @returns the stored key, and the secret, which is not available later
   * @throws OpstreamError `too_many_requests` when the tenant has too many keys
   */
  async create({
    name,
    tenant,
    userId,
    scopes,
    expiresIn,
  }: NewApiKey): Promise<{ key: ApiKey; secret: string }> {
    const now = Date.now() / 1000;
    const secret = randomBytes(32).toString('hex');
    const key: ApiKey = {
      id: randomUUID(),
      name,
      hash: hashOf(secret),
      tenant,
      userId,
      scopes,
      createdAt: now,
      expiresAt: expiresIn === undefined ? null : now + expiresIn,
    };
    await this.change(
      () => {
        if (this.list(tenant).length >= MAX_KEYS) {
          throw new OpstreamError('too_many_requests', `A tenant may have ${MAX_KEYS} API keys`);
        }
        return [...this.all(), key];
      },
      () => this.remember(key),
    );
    return { key, secret };
  }

  list(tenant: string): readonly ApiKey[] {
    return this.all().filter((key) => key.tenant === tenant);
  }

  /** Revokes a key immediately, live connections included. @throws OpstreamError `not_found` */
  async revoke(tenant: string, id: string): Promise<void> {
    const entry = [...this.byHash.values()].find(({ key }) => key.id === id && key.tenant === tenant);
    if (entry === undefined) throw new OpstreamError('not_found', 'API key not found');
    await this.change(
      () => this.all().filter((key) => key.id !== id),
      () => {
        this.byHash.delete(entry.key.hash);
        entry.revocation.abort();
      },
    );
  }

  private all(): readonly ApiKey[] {
    for (const [hash, { key }] of this.byHash) if (expired(key)) this.byHash.delete(hash);
    return [...this.byHash.values()].map(({ key }) => key);
  }

  /** Persists the new state before applying it in memory. */
  private change(next: () => readonly ApiKey[], apply: () => void): Promise<void> {
    const before = this.saved;
    const save = async (): Promise<void> => {
      await before;
      await this.store.save(next());
      apply();
    };
    const done = save();
    this.saved = done.catch(() => undefined);
    return done;
  }

  private remember(key: ApiKey): void {
    const revocation = new AbortController();
    const principal: Principal = {
      userId: key.userId,
      tenant: key.tenant,
      scopes: new Set(key.scopes),
      authenticated: true,
      ...(key.expiresAt !== null && { expiresAt: key.expiresAt }),
      revoked: revocation.signal,
      claims: {},
    };
    this.byHash.set(key.hash, { key, principal, revocation });
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function expired({ expiresAt }: ApiKey): boolean {
  return expiresAt !== null && expiresAt * 1000 <= Date.now();
}
