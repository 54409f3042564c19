/** What a caller may do; `admin` is never given without a token. */
export const SCOPES = [
  'operations:read',
  'operations:write',
  'sessions:read',
  'sessions:write',
  'mcp',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

export const ANONYMOUS = 'anonymous';
export const DEFAULT_TENANT = 'default';
export const DEFAULT_SCOPES: ReadonlySet<Scope> = new Set(SCOPES.filter((scope) => scope !== 'admin'));

/** Who makes a request or holds a connection; everything they touch is limited to their tenant. */
export interface Principal {
  /** `sub`, else `id`, else `anonymous`. */
  readonly userId: string;
  readonly tenant: string;
  readonly scopes: ReadonlySet<Scope>;
  /** False when no token was presented. */
  readonly authenticated: boolean;
  /** Unix seconds; a live connection ends then. */
  readonly expiresAt?: number;
  /** The verified claims, for protocols that show them to their handlers. */
  readonly claims: Readonly<Record<string, unknown>>;
}

export const anonymousPrincipal: Principal = {
  userId: ANONYMOUS,
  tenant: DEFAULT_TENANT,
  scopes: DEFAULT_SCOPES,
  authenticated: false,
  claims: {},
};
