import { createReadStream } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { boundedFetch } from '../../platform/http/bounded-fetch.js';
import { isPublicAddress, literalAddress } from '../../platform/http/public-address.js';
import type { OpenApiSource } from '../../config/openapi-sources.js';
import { isObject, type Params } from '../protocol/json-rpc.js';
import type { ApiAddress } from './fetch-caller.js';
import { OpenApiDocument, OpenApiProblem } from './openapi-document.js';

const LOAD_TIMEOUT_MS = 10_000;
const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;
/** Parsing YAML takes a second per few megabytes and blocks everything else. */
const MAX_YAML_CHARACTERS = 8 * 1024 * 1024;
/** Maximum values with all YAML aliases expanded; a few lines of aliases can stand for billions. */
const MAX_VALUES = 4_000_000;
const MAX_NESTING = 200;

/**
 * Loads a document from a URL or file, as JSON or YAML.
 * @throws OpenApiProblem when it is not an OpenAPI document; any other error when it cannot be loaded right now
 */
export async function loadDocument(location: string): Promise<OpenApiDocument> {
  return new OpenApiDocument(await parse(await read(location)));
}

/**
 * Base URL of an API: its first server, which may be relative to the document.
 * @throws OpenApiProblem when neither the servers nor the location determine it
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

/**
 * Base URL of the operations with these servers. A document describes an API; the operator decides where requests and
 * credentials go, unless the document comes from that API itself.
 * @throws OpenApiProblem
 */
export function apiAddressOf(servers: readonly Params[], source: OpenApiSource): ApiAddress {
  if (source.baseUrl !== undefined) return { base: source.baseUrl, addresses: 'any' };
  const base = baseUrlOf(servers, source.document);
  if (!isUrl(source.document)) return { base, addresses: 'any' };
  const found = new URL(source.document);
  const { origin } = new URL(base);
  if (origin === found.origin) return { base, addresses: 'any' };
  if (Object.keys(source.headers).length > 0 || (source.forwardHeaders ?? []).length > 0) {
    throw new OpenApiProblem(`its "servers" lead to ${origin}; set base_url so that headers may go there`);
  }
  return { base, addresses: isInternal(found.hostname) ? 'any' : 'public' };
}

/** Names and addresses of a private network, as far as they can be recognized without a lookup. */
function isInternal(hostname: string): boolean {
  const literal = literalAddress(hostname);
  if (literal !== undefined) return !isPublicAddress(literal);
  return !hostname.includes('.') || /\.(localhost|local|internal|lan|home\.arpa)$/.test(hostname);
}

/** Origin and path of a location, without credentials and query: safe to log. */
export function shownLocation(location: string): string {
  if (!isUrl(location)) return location;
  const { origin, pathname } = new URL(location);
  return origin + pathname;
}

async function read(location: string): Promise<string> {
  if (!isUrl(location)) return textOf(await readFile(location));
  const response = await boundedFetch({
    url: location,
    headers: { accept: 'application/json, application/yaml, text/yaml;q=0.9, */*;q=0.8' },
    maxBytes: MAX_DOCUMENT_BYTES,
    headMs: LOAD_TIMEOUT_MS,
    totalMs: LOAD_TIMEOUT_MS,
    redirects: 'origin',
  });
  if (!response.ok) {
    response.cancel();
    throw new Error(`the answer was ${response.status} ${response.statusText}`);
  }
  return textOf(await response.bytes());
}

/** Reads a bounded amount of a file of any kind. */
async function readFile(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > MAX_DOCUMENT_BYTES) throw new OpenApiProblem(`it has more than ${MAX_DOCUMENT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Decodes UTF-8 and drops a byte order mark. */
function textOf(bytes: Buffer): string {
  return new TextDecoder().decode(bytes);
}

async function parse(text: string): Promise<Params> {
  let value: unknown;
  try {
    value = /^\s*\{/.test(text) ? JSON.parse(text) : await parseYaml(text);
  } catch (thrown) {
    if (thrown instanceof OpenApiProblem) throw thrown;
    throw new OpenApiProblem(`it is neither JSON nor YAML: ${(thrown as Error).message.split('\n', 1)[0]}`);
  }
  if (!isObject(value)) throw new OpenApiProblem('it is neither a JSON nor a YAML object');
  if (countValues(value, 0, 0) > MAX_VALUES) throw new OpenApiProblem('it is too large or nested too deeply');
  return value;
}

async function parseYaml(text: string): Promise<unknown> {
  if (text.length > MAX_YAML_CHARACTERS) {
    throw new OpenApiProblem(`as YAML it may have ${MAX_YAML_CHARACTERS} characters; give it as JSON`);
  }
  return (await import('js-yaml')).load(text);
}

/** Counts up to the limit; values nested too deeply, or in themselves, count as above it. */
function countValues(value: unknown, counted: number, depth: number): number {
  if (typeof value !== 'object' || value === null) return counted + 1;
  if (depth > MAX_NESTING) return Infinity;
  let count = counted + 1;
  for (const key in value) {
    if (count > MAX_VALUES) return count;
    count = countValues((value as Params)[key], count, depth + 1);
  }
  return count;
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
