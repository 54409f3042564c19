import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  SetMetadata,
  UseInterceptors,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { tap, type Observable } from 'rxjs';
import type { AuthenticatedRequest } from './auth.guard.js';
import { AuditLog } from './audit-log.js';

const ACTION = 'opstream:action';

/** A request with the parts of its path and response that the log needs. */
type ActingRequest = AuthenticatedRequest & {
  readonly id?: unknown;
  readonly params?: { readonly id?: unknown };
};

/** Writes an audit line after the handler has succeeded. */
@Injectable()
class AuditInterceptor implements NestInterceptor {
  constructor(
    private readonly audit: AuditLog,
    private readonly reflector: Reflector,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const action = this.reflector.get<string>(ACTION, context.getHandler());
    const request = context.switchToHttp().getRequest<ActingRequest>();
    return next.handle().pipe(
      tap((answer: unknown) => {
        if (!request.principal) return;
        const made = typeof answer === 'object' && answer !== null && 'id' in answer ? answer.id : undefined;
        this.audit.acted(action, request.principal, request, { target: request.params?.id ?? made });
      }),
    );
  }
}

/** Audits a handler: what it did, and for whom. */
export const Audited = (action: string) =>
  applyDecorators(SetMetadata(ACTION, action), UseInterceptors(AuditInterceptor));
