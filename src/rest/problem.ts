import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { ErrorCode } from '../platform/errors/error-catalogue.js';
import type { OpstreamError } from '../platform/errors/opstream-error.js';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** RFC 9457 body; `error` repeats it in the form that clients of the agents protocol read. */
export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  error: { id: string; code: string; message: string };
  [extra: string]: unknown;
}

export function toProblem(error: OpstreamError): ProblemDetails {
  const { status, title, category } = error.entry;
  return {
    ...error.extra,
    type: `urn:opstream:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    error: { id: randomUUID(), code: category, message: error.message },
  };
}

/** Headers that a refusal needs in addition to its content type. */
export function headersOf({ extra, entry: { status } }: OpstreamError): Record<string, string> {
  return {
    ...(typeof extra.retry_after === 'number' && { 'Retry-After': String(extra.retry_after) }),
    ...(status === 401 && { 'WWW-Authenticate': 'Bearer' }),
    ...(typeof extra.allow === 'string' && { Allow: extra.allow }),
  };
}

/** Refuses a request ahead of the framework and closes its connection. */
export function writeProblem(response: ServerResponse, error: OpstreamError): void {
  const problem = toProblem(error);
  response.writeHead(problem.status, {
    'Content-Type': PROBLEM_TYPE,
    ...headersOf(error),
    Connection: 'close',
  });
  response.end(JSON.stringify(problem));
}
