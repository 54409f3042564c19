/** What a caller may do; `admin` is never granted without a token. */
export const SCOPES = [
  'operations:read',
  'operations:write',
  'sessions:read',
  'sessions:write',
  'streams:read',
  'streams:write',
  'mcp',
  'forge',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

/** The scope or scopes a tool or resource requires in addition to `mcp`; null explicitly requires none. */
export type ScopeRule = string | readonly string[] | null;

/** @returns the first scope of a rule that a caller lacks */
export function missingScope({ scopes }: Pick<Principal, 'scopes'>, rule: ScopeRule): string | undefined {
  const wanted = rule === null ? [] : typeof rule === 'string' ? [rule] : rule;
  return wanted.find((scope) => !scopes.has(scope as Scope));
}

/** Roles: what a credential that names no scopes may do. */
export const ROLES = ['user', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const ANONYMOUS = 'anonymous';
export const DEFAULT_TENANT = 'default';
export const DEFAULT_SCOPES: ReadonlySet<Scope> = new Set(SCOPES.filter((scope) => scope !== 'admin'));

export function scopesOfRole(role: Role): ReadonlySet<Scope> {
  return role === 'admin' ? new Set(SCOPES) : DEFAULT_SCOPES;
}

/** Who makes a request or holds a connection; everything they touch is confined to their tenant. */
export interface Principal {
  /** `sub`, else `id`, else `anonymous`. */
  readonly userId: string;
  readonly tenant: string;
  readonly scopes: ReadonlySet<Scope>;
  /** False when no token was presented. */
  readonly authenticated: boolean;
  /** Unix seconds; a live connection ends then. */
  readonly expiresAt?: number;
  /** Fires when the credential is revoked before it expires. */
  readonly revoked?: AbortSignal;
  /** This credential's own limits per minute, in place of the configured ones; 0 means none. */
  readonly rateLimits?: { readonly api?: number; readonly ws?: number };
  /** The verified claims, for protocols that pass them to their handlers. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Characters of a user's id in what is recorded. */
const MAX_USER = 200;

/** Who is named in what a caller records; nobody for callers without a credential. */
export function userOf({
  authenticated,
  userId,
}: Pick<Principal, 'authenticated' | 'userId'>): string | undefined {
  return authenticated && userId !== ANONYMOUS ? userId.slice(0, MAX_USER).toWellFormed() : undefined;
}

export const anonymousPrincipal: Principal = {
  userId: ANONYMOUS,
  tenant: DEFAULT_TENANT,
  scopes: DEFAULT_SCOPES,
  authenticated: false,
  claims: {},
};
