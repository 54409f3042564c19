/** What a token says about its bearer. For display only: the service alone decides whether it is valid. */
export interface TokenClaims {
  readonly user: string | undefined;
  readonly tenant: string | undefined;
  /** Unix seconds. */
  readonly expiresAt: number | undefined;
}

/** @returns undefined for an API key or any other token that cannot be read */
export function claimsOf(token: string): TokenClaims | undefined {
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token)?.[1];
  if (payload === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
      character.charCodeAt(0),
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims !== 'object' || claims === null) return undefined;
    const { sub, id, tenant, exp } = claims as Record<string, unknown>;
    return {
      user: text(sub ?? id),
      tenant: text(tenant),
      expiresAt: typeof exp === 'number' ? exp : undefined,
    };
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}
