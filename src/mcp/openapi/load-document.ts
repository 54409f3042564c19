import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { readBounded } from './fetch-caller.js';
import { OpenApiDocument, OpenApiProblem } from './openapi-document.js';

const LOAD_TIMEOUT_MS = 10_000;
const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;

/**
 * Reads a document from a URL or a file, as JSON or YAML.
 * @throws OpenApiProblem when it is no OpenAPI document; any other error when it cannot be had right now
 */
export async function loadDocument(location: string): Promise<OpenApiDocument> {
  return new OpenApiDocument(await parse(await read(location)));
}

/**
 * Where an API is: the first of its servers, which may be relative to where the document was found.
 * @throws OpenApiProblem when neither the servers nor the location say so
 */
export function baseUrlOf(servers: readonly Params[], location: string): string {
  const server = servers[0];
  const url = typeof server?.url === 'string' ? fillIn(server.url, server.variables) : '/';
  const base = isUrl(location) ? location : pathToFileURL(location).href;
  const resolved = URL.canParse(url, base) ? new URL(url, base) : undefined;
  const known = resolved && /^https?:$/.test(resolved.protocol) && !/[{}]/.test(url);
  if (known) return resolved.href;
  throw new OpenApiProblem('its "servers" do not say where the API is; set base_url');
}

/** The origin and path of a location, without credentials and query: what a log line may show. */
export function shownLocation(location: string): string {
  if (!isUrl(location)) return location;
  const { origin, pathname } = new URL(location);
  return origin + pathname;
}

async function read(location: string): Promise<string> {
  if (!isUrl(location)) return withoutMark(await readFile(location));
  const response = await fetch(location, { signal: AbortSignal.timeout(LOAD_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`the answer was ${response.status} ${response.statusText}`);
  return withoutMark(await readBounded(response, MAX_DOCUMENT_BYTES));
}

/** UTF-8 text; some editors begin it with a byte order mark, which is no part of it. */
function withoutMark(bytes: Buffer): string {
  return new TextDecoder().decode(bytes);
}

async function parse(text: string): Promise<Params> {
  let value: unknown;
  try {
    value = /^\s*\{/.test(text) ? JSON.parse(text) : (await import('js-yaml')).load(text);
  } catch (thrown) {
    throw new OpenApiProblem(`it is neither JSON nor YAML: ${(thrown as Error).message.split('\n', 1)[0]}`);
  }
  if (!isObject(value)) throw new OpenApiProblem('it is neither a JSON nor a YAML object');
  return value;
}

function fillIn(url: string, variables: unknown): string {
  return url.replaceAll(/\{([^{}]+)\}/g, (whole, name: string) => {
    const variable = isObject(variables) ? variables[name] : undefined;
    const preset = isObject(variable) ? variable.default : undefined;
    return typeof preset === 'string' || typeof preset === 'number' ? String(preset) : whole;
  });
}

function isUrl(location: string): boolean {
  return /^https?:\/\//i.test(location);
}
