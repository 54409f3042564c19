import { numberText } from '../../platform/verbatim-json.js';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { UserError } from '../tools/user-error.js';
import type { Endpoint, ParameterPlace } from './endpoint.js';

/** The request of one call, without base URL and credentials. */
export interface EndpointRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** @throws UserError for an argument that is invalid in its place */
export function toRequest(endpoint: Endpoint, args: Params): EndpointRequest {
  const query = endpoint.queryParameters.flatMap((place) => queryPairs(place, args[place.name]));
  const path = endpoint.path.replaceAll(/\{([^{}]+)\}/g, (_whole, name: string) => {
    const place = endpoint.pathParameters.find((parameter) => parameter.name === name);
    return pathSegment(name, args[name], place?.explode ?? false);
  });
  const body = encodeBody(endpoint, args);
  return {
    method: endpoint.method,
    target: query.length === 0 ? path : `${path}?${query.join('&')}`,
    headers: {
      accept: 'application/json, text/plain;q=0.9, */*;q=0.8',
      ...(body !== undefined && { 'content-type': endpoint.body!.contentType }),
    },
    body,
  };
}

/** Refuses a segment that could leave the path or change it: the document determines the address. */
function pathSegment(name: string, value: unknown, explode: boolean): string {
  const parts = isObject(value)
    ? Object.entries(value).flatMap(([key, item]) =>
        explode ? [`${key}=${plain(item)}`] : [key, plain(item)],
      )
    : Array.isArray(value)
      ? value.map(plain)
      : [plain(value)];
  const text = parts.join(',');
  if (text === '' || text === '.' || text === '..') throw new UserError(`${name} must not be "${text}"`);
  return encodeURIComponent(text);
}

function queryPairs({ name, style, explode }: ParameterPlace, value: unknown): string[] {
  if (value === undefined) return [];
  if (style === 'json') return [pair(name, JSON.stringify(value))];
  if (Array.isArray(value)) {
    if (explode) return value.map((item) => pair(name, plain(item)));
    const separator = style === 'spaceDelimited' ? ' ' : style === 'pipeDelimited' ? '|' : ',';
    return [pair(name, value.map(plain).join(separator))];
  }
  if (isObject(value)) {
    const members = Object.entries(value).filter(([, item]) => item !== undefined);
    if (style === 'deepObject') return members.map(([key, item]) => pair(`${name}[${key}]`, plain(item)));
    if (explode) return members.map(([key, item]) => pair(key, plain(item)));
    return [pair(name, members.flatMap(([key, item]) => [key, plain(item)]).join(','))];
  }
  return [pair(name, plain(value))];
}

function pair(key: string, item: string): string {
  return `${encodeURIComponent(key)}=${encodeURIComponent(item)}`;
}

function encodeBody(endpoint: Endpoint, args: Params): string | undefined {
  const { body } = endpoint;
  if (!body) return undefined;
  const value = body.members === undefined ? args.body : pick(args, membersOf(args, endpoint), body.required);
  if (value === undefined) return undefined;
  switch (body.encoding) {
    case 'json':
      return JSON.stringify(value);
    case 'text':
      return plain(value);
    case 'form':
      return new URLSearchParams(
        Object.entries(isObject(value) ? value : {}).flatMap(([key, item]) =>
          (Array.isArray(item) ? item : [item]).map((one): [string, string] => [key, plain(one)]),
        ),
      ).toString();
  }
}

function membersOf(args: Params, { body, pathParameters, queryParameters }: Endpoint): readonly string[] {
  const { members = [], additional } = body!;
  if (additional === undefined) return members;
  const elsewhere = new Set([...pathParameters, ...queryParameters].map(({ name }) => name));
  return [...members, ...Object.keys(args).filter((name) => !members.includes(name) && !elsewhere.has(name))];
}

/** Undefined when an optional body has no members: it is then omitted. */
function pick(args: Params, members: readonly string[], required: boolean): Params | undefined {
  const given = members.filter((name) => args[name] !== undefined);
  return given.length === 0 && !required
    ? undefined
    : Object.fromEntries(given.map((name) => [name, args[name]]));
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : (numberText(value) ?? JSON.stringify(value));
}
