import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, getSchemaPath, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { VERSION } from '../platform/version.js';
import { ProblemDto } from './problem.dto.js';

/** Tag descriptions; each operation has one tag, since generators make a class of each. */
const TAGS = {
  operations: 'Open, list and read operations',
  events: 'Record events',
  streams: 'Follow operations live, as server-sent events',
  status: 'What the service is doing',
  health: 'Liveness, readiness and metrics',
  keys: 'API keys, for administrators',
  admin: 'Looking after the store, for administrators',
} as const;

/** Marks a field that holds any JSON value: Nest always writes a type, but no type means that. */
const ANY_JSON_MARK = 'x-any-json';
export const ANY_JSON = {
  type: 'object',
  additionalProperties: true,
  description: 'Any JSON',
  [ANY_JSON_MARK]: true,
} as const;

type Schema = Record<string, unknown>;

/** The OpenAPI document of everything the application serves over HTTP. */
export function describeApi(
  app: INestApplication,
  extraModels: readonly (new () => object)[],
): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setTitle('Opstream')
    .setDescription('Durable, live streams of long-running operations.')
    .setVersion(VERSION)
    // Relative to the document, so that it also works behind a path of a proxy.
    .addServer('./')
    .addBearerAuth()
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key' })
    // Any one of them suffices; loopback and health checks need none.
    .addSecurityRequirements({})
    .addSecurityRequirements('bearer')
    .addSecurityRequirements('api_key')
    .addGlobalResponse({
      status: 'default',
      description: 'The request failed (RFC 9457)',
      content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } },
    });
  for (const [name, description] of Object.entries(TAGS)) builder.addTag(name, description);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    extraModels: [...extraModels, ProblemDto],
  });
  const schemas = (document.components?.schemas ?? {}) as Record<string, Schema>;
  // Some error codes have additional members.
  schemas.ProblemDto!.additionalProperties = true;
  for (const name of bodiesOf(document)) schemas[name]!.additionalProperties = false;
  forgetMarks(document);
  return document;
}

/** Names of request body schemas, which reject unknown members. */
function bodiesOf(document: OpenAPIObject): ReadonlySet<string> {
  const bodies = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods as Record<string, { readonly requestBody?: unknown }>).map(
      ({ requestBody }) => requestBody,
    ),
  );
  const names = JSON.stringify(bodies).matchAll(/"#\/components\/schemas\/(\w+)"/g);
  return new Set([...names].map(([, name]) => name!));
}

/** Leaves only the description of an any-JSON field, which is how OpenAPI 3.0 expresses it. */
function forgetMarks(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const schema = value as Schema;
  if (schema[ANY_JSON_MARK] === true) {
    delete schema.type;
    delete schema.additionalProperties;
    delete schema[ANY_JSON_MARK];
  }
  for (const below of Object.values(schema)) forgetMarks(below);
}

/** The largest integer that every generator's default type holds. */
const INT32_MAX = 2 ** 31 - 1;

/**
 * States how large numbers are, for generators: those for typed languages otherwise take 32 bits, and Go would round a
 * time in Unix seconds to the minute.
 * @returns a copy
 */
export function withNumberFormats(document: OpenAPIObject): OpenAPIObject {
  const copy = structuredClone(document);
  sizeNumbers(copy);
  return copy;
}

function sizeNumbers(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const schema = value as Schema;
  if (schema.format === undefined) {
    if (schema.type === 'number') schema.format = 'double';
    const { maximum } = schema;
    const isSmall = typeof maximum === 'number' && maximum <= INT32_MAX;
    if (schema.type === 'integer' && !isSmall) schema.format = 'int64';
  }
  for (const below of Object.values(schema)) sizeNumbers(below);
}
