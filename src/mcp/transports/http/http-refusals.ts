import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { AuditLog } from '../../../auth/audit-log.js';
import { credentialOf } from '../../../auth/credentials.js';
import type { IncomingRequest } from '../../../auth/http-security.js';
import { OpstreamError, toOpstreamError } from '../../../platform/errors/opstream-error.js';
import { encodeError } from '../../protocol/json-rpc.js';
import { httpStatusOf, RpcError, toRpcError } from '../../protocol/rpc-error.js';
import { ProtectedResource, type BearerError } from './protected-resource.js';
import { RequestError } from './request-error.js';

/** Answers refused requests of MCP over HTTP with a JSON-RPC error and the HTTP headers that belong to it. */
@Injectable()
export class HttpRefusals {
  private readonly logger = new Logger('Mcp');

  constructor(
    private readonly audit: AuditLog,
    private readonly resource: ProtectedResource,
  ) {}

  /** @param path the requested path; @param allowed methods that it supports */
  answer(
    request: IncomingMessage & IncomingRequest,
    response: ServerResponse,
    thrown: unknown,
    { path, allowed }: { readonly path: string; readonly allowed: string },
  ): void {
    const id = thrown instanceof RequestError ? thrown.id : null;
    const cause = thrown instanceof RequestError ? thrown.error : thrown;
    const error = toRpcError(cause);
    const status = cause instanceof RpcError ? httpStatusOf(cause) : toOpstreamError(cause).entry.status;
    this.audit.requestRefused(request, toOpstreamError(cause), { principal: request.principal });
    if (status >= 500 && status !== 503) this.logger.error({ event: 'mcp_failed', error: cause });
    if (response.headersSent || response.destroyed) return;
    const body = encodeError(id, error);
    const retryAfter = cause instanceof OpstreamError ? cause.extra.retry_after : undefined;
    const challenge = this.challenge(request, status, path);
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      ...(challenge !== undefined && { 'WWW-Authenticate': challenge }),
      ...(status === 405 && { Allow: allowed }),
      ...(typeof retryAfter === 'number' && { 'Retry-After': String(retryAfter) }),
      // The rest of a refused body is not read.
      ...(!request.complete && { Connection: 'close' }),
    });
    response.end(body);
  }

  /** Only what a token would change is challenged: by then the caller is known, or must be. */
  private challenge(
    request: IncomingMessage & IncomingRequest,
    status: number,
    path: string,
  ): string | undefined {
    const lacksScope = status === 403 && request.principal !== undefined;
    if (status !== 401 && !lacksScope) return undefined;
    const error: BearerError | undefined = lacksScope
      ? 'insufficient_scope'
      : presentsCredential(request)
        ? 'invalid_token'
        : undefined;
    return this.resource.challenge(request, path, error);
  }
}

function presentsCredential({ headers, url = '/' }: IncomingMessage): boolean {
  try {
    return credentialOf(headers, url) !== undefined;
  } catch {
    return true;
  }
}
