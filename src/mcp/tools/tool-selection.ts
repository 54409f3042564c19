import type { IncomingHttpHeaders } from 'node:http';
import type { ToolDefinition } from './tool-definition.js';

/** The set of tools that belong to no named set: those the application declares itself. */
export const APPLICATION_SET = 'application';

const SETS_HEADER = 'x-mcp-toolsets';
const READ_ONLY_HEADER = 'x-mcp-readonly';
/** The selection in a connection's URL, carried with its headers. */
const QUERY_SETS = 'x-opstream-query-toolsets';
const QUERY_READ_ONLY = 'x-opstream-query-readonly';
/** Further names make no difference, only work. */
const MAX_NAMES = 50;

/** The tools that a connection is offered: a subset of the service's, never more. */
export interface ToolSelection {
  /** Equal for equal selections. */
  readonly key: string;
  admits(tool: ToolDefinition): boolean;
}

/**
 * The headers of a connection, plus the selection in its URL: `?toolsets=a,b` and `?read_only=true` are for clients
 * that can set only a URL.
 */
export function withSelection(headers: IncomingHttpHeaders, url: string | undefined): IncomingHttpHeaders {
  const query = url?.indexOf('?') ?? -1;
  if (query < 0) return headers;
  const parameters = new URLSearchParams(url!.slice(query + 1));
  const [sets, readOnly] = [parameters.get('toolsets'), parameters.get('read_only')];
  if (sets === null && readOnly === null) return headers;
  return {
    ...headers,
    ...(sets !== null && { [QUERY_SETS]: sets }),
    ...(readOnly !== null && { [QUERY_READ_ONLY]: readOnly }),
  };
}

/**
 * @param offered the sets of the service; empty: all
 * @returns undefined when everything is offered
 */
export function selectionOf(
  headers: IncomingHttpHeaders,
  offered: readonly string[],
): ToolSelection | undefined {
  if (offered.length === 0 && !isNarrowed(headers)) return undefined;
  const asked = [headers[SETS_HEADER], headers[QUERY_SETS]]
    .map(namesIn)
    .filter((names) => names !== undefined);
  const readOnly = isTrue(headers[READ_ONLY_HEADER]) || isTrue(headers[QUERY_READ_ONLY]);
  const wanted = [...(offered.length > 0 ? [new Set(offered)] : []), ...asked];
  if (wanted.length === 0 && !readOnly) return undefined;
  const key = JSON.stringify([readOnly, ...wanted.map((names) => [...names].sort())]);
  return {
    key,
    admits: ({ options }) =>
      wanted.every((names) => names.has(options.set ?? APPLICATION_SET)) &&
      (!readOnly || options.annotations?.readOnlyHint === true),
  };
}

/** Few connections ask for less than everything, and every call checks. */
function isNarrowed(headers: IncomingHttpHeaders): boolean {
  return (
    headers[SETS_HEADER] !== undefined ||
    headers[READ_ONLY_HEADER] !== undefined ||
    headers[QUERY_SETS] !== undefined ||
    headers[QUERY_READ_ONLY] !== undefined
  );
}

/** Undefined for `all`, and when nothing is given. */
function namesIn(value: string | string[] | undefined): ReadonlySet<string> | undefined {
  const names = [value ?? []]
    .flat()
    .join(',')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
    .slice(0, MAX_NAMES);
  return names.length === 0 || names.includes('all') ? undefined : new Set(names);
}

function isTrue(value: string | string[] | undefined): boolean {
  return typeof value === 'string' && /^(true|1|yes|on)$/i.test(value.trim());
}
