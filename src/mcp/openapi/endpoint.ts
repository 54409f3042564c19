import { isObject, type Params } from '../protocol/json-rpc.js';
import type { JsonSchema } from '../tools/json-schema.js';
import { SchemaInliner } from './json-schema.js';
import { OpenApiProblem, type OpenApiDocument, type OpenApiOperation } from './openapi-document.js';

/** How an array or object is serialized in a path or query (OpenAPI "Style Values"). */
export interface ParameterPlace {
  readonly name: string;
  readonly style: string;
  readonly explode: boolean;
}

export type BodyEncoding = 'json' | 'form' | 'text';

/** An HTTP endpoint with named arguments: the pure part of turning it into a tool. */
export interface Endpoint {
  readonly method: string;
  /** With `{name}` for the path parameters. */
  readonly path: string;
  readonly inputSchema: JsonSchema;
  readonly pathParameters: readonly ParameterPlace[];
  readonly queryParameters: readonly ParameterPlace[];
  readonly body:
    | {
        readonly encoding: BodyEncoding;
        readonly contentType: string;
        readonly required: boolean;
        /** Arguments that are members of the body; undefined: the argument `body` is the body. */
        readonly members: readonly string[] | undefined;
        /** Schema of additional arguments, which are members, too; undefined: there are none. */
        readonly additional: unknown;
      }
    | undefined;
}

/** The argument for a body that is not an object. */
const BODY = 'body';

/**
 * Flattens path, query and body into one set of arguments. A name in several places is one argument that goes to all
 * of them, e.g. an id in the path that the body repeats.
 * @throws OpenApiProblem when the operation cannot be offered
 */
export function toEndpoint(document: OpenApiDocument, operation: OpenApiOperation): Endpoint {
  const inliner = new SchemaInliner(document, 'request');
  const properties: Record<string, JsonSchema> = {};
  const required = new Set<string>();
  const places: Record<'path' | 'query', ParameterPlace[]> = { path: [], query: [] };

  for (const parameter of parametersOf(document, operation)) {
    const { name, in: place } = parameter;
    // Headers and cookies belong to the transport: the caller's go through the allow-list.
    if (typeof name !== 'string' || (place !== 'path' && place !== 'query')) continue;
    properties[name] = parameterSchema(inliner, parameter);
    if (place === 'path' || parameter.required === true) required.add(name);
    places[place].push(placeOf(name, place, parameter));
  }
  for (const [, name] of operation.path.matchAll(/\{([^{}]+)\}/g)) {
    if (places.path.some((place) => place.name === name)) continue;
    throw new OpenApiProblem(`its path has {${name}}, which is no parameter`);
  }
  const requestBody = operation.requestBody && document.resolve(operation.requestBody);
  const body = bodyOf(inliner, requestBody, properties, required);
  return {
    method: operation.method,
    path: operation.path,
    inputSchema: {
      type: 'object',
      properties,
      ...(required.size > 0 && { required: [...required] }),
      ...(body?.additional !== undefined && { additionalProperties: body.additional }),
      ...(inliner.defs && { $defs: inliner.defs }),
    },
    pathParameters: places.path,
    queryParameters: places.query,
    body,
  };
}

function parametersOf(document: OpenApiDocument, { parameters }: OpenApiOperation): Iterable<Params> {
  const byPlace = new Map<string, Params>();
  for (const declared of parameters) {
    const parameter = document.resolve(declared);
    byPlace.set(`${String(parameter.in)} ${String(parameter.name)}`, parameter);
  }
  return byPlace.values();
}

function parameterSchema(inliner: SchemaInliner, parameter: Params): JsonSchema {
  const content = isObject(parameter.content) ? Object.values(parameter.content)[0] : undefined;
  const schema = inliner.inline(parameter.schema ?? (isObject(content) ? content.schema : undefined));
  const described = schema.description === undefined && typeof parameter.description === 'string';
  return {
    ...schema,
    ...(described && { description: parameter.description }),
    ...(parameter.example !== undefined && { examples: [parameter.example] }),
  };
}

function placeOf(name: string, place: 'path' | 'query', parameter: Params): ParameterPlace {
  const style = typeof parameter.style === 'string' ? parameter.style : place === 'path' ? 'simple' : 'form';
  const explode = typeof parameter.explode === 'boolean' ? parameter.explode : style === 'form';
  return { name, style: parameter.content === undefined ? style : 'json', explode };
}

function bodyOf(
  inliner: SchemaInliner,
  requestBody: Params | undefined,
  properties: Record<string, JsonSchema>,
  required: Set<string>,
): Endpoint['body'] {
  if (!requestBody || !isObject(requestBody.content)) return undefined;
  const [contentType, encoding, media] = preferred(requestBody.content);
  const schema = mergeAllOf(inliner.inline(media.schema));
  const isRequired = requestBody.required === true;
  if (!isObject(schema.properties)) {
    properties[BODY] = { ...schema, ...(encoding === 'text' && { type: 'string' }) };
    if (isRequired) required.add(BODY);
    return { encoding, contentType, required: isRequired, members: undefined, additional: undefined };
  }
  const members = Object.keys(schema.properties);
  for (const name of members) properties[name] ??= schema.properties[name] as JsonSchema;
  if (isRequired && Array.isArray(schema.required)) {
    for (const name of schema.required) required.add(String(name));
  }
  const additional = schema.additionalProperties === false ? undefined : schema.additionalProperties;
  return { encoding, contentType, required: isRequired, members, additional };
}

/** To the caller, an object composed with `allOf` is a single object. */
function mergeAllOf(schema: JsonSchema): JsonSchema {
  const { allOf, ...own } = schema;
  if (!Array.isArray(allOf)) return schema;
  const parts = [...allOf.filter(isObject).map(mergeAllOf), own];
  const whole = parts.every((part) => isObject(part.properties) || Object.keys(part).every(isAnnotation));
  if (!whole || parts.length <= allOf.length) return schema;
  return {
    ...own,
    type: 'object',
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)) as Params,
    required: parts.flatMap(({ required }) => (Array.isArray(required) ? (required as string[]) : [])),
  };
}

function isAnnotation(keyword: string): boolean {
  return ['type', 'title', 'description', 'required', 'examples'].includes(keyword);
}

/** The media type to send: JSON if offered. @throws OpenApiProblem for uploads and other unsupported bodies */
function preferred(content: Params): [string, BodyEncoding, Params] {
  const offered = Object.entries(content).filter((entry): entry is [string, Params] => isObject(entry[1]));
  const kinds: [RegExp, BodyEncoding][] = [
    [/^application\/(json|[^;]+\+json)\b|^\*\/\*/, 'json'],
    [/^application\/x-www-form-urlencoded\b/, 'form'],
    [/^text\//, 'text'],
  ];
  for (const [pattern, encoding] of kinds) {
    const found = offered.find(([type]) => pattern.test(type));
    if (found) return [found[0] === '*/*' ? 'application/json' : found[0], encoding, found[1]];
  }
  throw new OpenApiProblem(`its body is ${Object.keys(content).join(', ')}, which a tool cannot send`);
}
