import { z } from 'zod';

/** One entry of `MCP_OPENAPI`: where a document is, and which of its operations become tools. */
export const openApiSource = z
  .strictObject({
    /** URL or file of the document; `self` is this service's own REST API. */
    document: z.string().min(1),
    /** Base URL of the API, when the document's `servers` do not name it. */
    base_url: z.url({ protocol: /^https?$/ }).optional(),
    /** Prefix of its tool names. */
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9_-]{0,40}$/)
      .default(''),
    include_operations: z.array(z.string()).default([]),
    exclude_operations: z.array(z.string()).default([]),
    include_tags: z.array(z.string()).default([]),
    exclude_tags: z.array(z.string()).default([]),
    describe_all_responses: z.boolean().default(false),
    describe_full_response_schema: z.boolean().default(false),
    /** Sent with every call, e.g. an API key. */
    headers: z.record(z.string(), z.string()).default({}),
    /** Names of the caller's headers to forward. */
    forward_headers: z.array(z.string()).optional(),
    /** Scope required to call its tools; by default a read or a write scope, depending on the HTTP method. */
    scope: z.string().min(1).max(200).optional(),
    /** Tenants that can see its tools; all by default. */
    tenants: z.array(z.string().min(1).max(200)).default([]),
    timeout_ms: z.number().int().min(1).max(600_000).default(10_000),
  })
  .refine(({ include_operations: a, exclude_operations: b }) => a.length === 0 || b.length === 0, {
    message: 'has both include_operations and exclude_operations',
  })
  .refine(({ include_tags: a, exclude_tags: b }) => a.length === 0 || b.length === 0, {
    message: 'has both include_tags and exclude_tags',
  })
  .transform((entry) => ({
    document: entry.document,
    baseUrl: entry.base_url,
    prefix: entry.prefix,
    filter: {
      includeOperations: entry.include_operations,
      excludeOperations: entry.exclude_operations,
      includeTags: entry.include_tags,
      excludeTags: entry.exclude_tags,
    },
    describeAllResponses: entry.describe_all_responses,
    describeFullResponseSchema: entry.describe_full_response_schema,
    headers: entry.headers,
    scope: entry.scope,
    tenants: entry.tenants,
    /** Lower case. */
    forwardHeaders: entry.forward_headers?.map((name) => name.toLowerCase()),
    /** Milliseconds. */
    timeoutMs: entry.timeout_ms,
  }));

export type OpenApiSource = z.output<typeof openApiSource>;

/** Either comma-separated URLs and files, or a JSON array of entries with options. */
export const openApiSources = z
  .string()
  .optional()
  .transform((value, context): unknown => {
    const text = value?.trim() ?? '';
    if (!text.startsWith('[')) {
      const documents = text.split(',').map((item) => item.trim());
      return documents.filter((item) => item !== '').map((document) => ({ document }));
    }
    try {
      return (JSON.parse(text) as unknown[]).map((entry) =>
        typeof entry === 'string' ? { document: entry } : entry,
      );
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a list of URLs and files, or a JSON array' });
      return z.NEVER;
    }
  })
  .pipe(z.array(openApiSource));

/** The entry for this service's own API when `MCP_OPENAPI` has none: everything tagged `mcp`. */
export const ownApi: OpenApiSource = openApiSource.parse({ document: 'self', include_tags: ['mcp'] });
