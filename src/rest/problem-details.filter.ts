import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Logger,
  NotFoundException,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { AuthenticatedRequest } from '../auth/auth.guard.js';
import { AuditLog } from '../auth/audit-log.js';
import type { ErrorCode } from '../platform/errors/error-catalogue.js';
import { OpstreamError, toOpstreamError } from '../platform/errors/opstream-error.js';
import { headersOf, PROBLEM_TYPE, toProblem } from './problem.js';

const CODE_OF_STATUS: Record<number, ErrorCode> = {
  400: 'invalid_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  429: 'too_many_requests',
  503: 'shutting_down',
};

/** Maps every failure to `application/problem+json`, once for all of REST. */
@Catch()
export class ProblemDetailsFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemDetailsFilter.name);

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly audit: AuditLog,
  ) {}

  catch(thrown: unknown, context: ArgumentsHost): void {
    if (context.getType() !== 'http') throw thrown;
    const error = toCatalogue(thrown);
    const problem = toProblem(error);
    if (problem.status >= 500)
      this.logger.error({ error: thrown, error_id: problem.error.id }, problem.detail);
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    this.audit.requestRefused(request, error, { principal: request.principal });
    const { httpAdapter } = this.host;
    const response: unknown = context.switchToHttp().getResponse();
    const headers = { 'Content-Type': PROBLEM_TYPE, ...headersOf(error) };
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, JSON.stringify(problem), problem.status);
  }
}

/** Converts framework errors, body parser errors (`statusCode`) and our own. */
function toCatalogue(thrown: unknown): OpstreamError {
  if (thrown instanceof OpstreamError) return thrown;
  const status = thrown instanceof HttpException ? thrown.getStatus() : statusOf(thrown);
  if (status === undefined || status >= 500) {
    return status === 503
      ? new OpstreamError('shutting_down', 'The service is shutting down')
      : toOpstreamError(thrown);
  }
  if (status === 415) {
    return new OpstreamError('unsupported_media_type', 'Send JSON, with "Content-Type: application/json"');
  }
  const message = messageOf(thrown);
  const code =
    thrown instanceof SyntaxError || /JSON/.test(message) ? 'invalid_json' : CODE_OF_STATUS[status];
  return new OpstreamError(code ?? 'invalid_request', message, {}, { cause: thrown });
}

function statusOf(thrown: unknown): number | undefined {
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** A `ValidationPipe` reports failed constraints in the response body, not in the message. */
function messageOf(thrown: unknown): string {
  if (thrown instanceof HttpException) {
    const body = thrown.getResponse();
    const reasons = typeof body === 'object' && 'message' in body ? body.message : thrown.message;
    const text = [reasons].flat().join('; ');
    // The framework's message quotes the URL, whose query may hold a token.
    return thrown instanceof NotFoundException ? text.replace(/\?.*$/s, '') : text;
  }
  return thrown instanceof Error ? thrown.message : 'The request is not valid';
}
