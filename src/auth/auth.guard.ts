import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { HttpSecurity, type IncomingRequest } from './http-security.js';
import type { Principal, Scope } from './principal.js';

export const NEEDS = 'opstream:needs';
export const PUBLIC = 'opstream:public';

/** The scope required by a handler or controller. */
export const RequireScope = (scope: Scope) => SetMetadata(NEEDS, scope);
/** Open to everyone: liveness and static files. */
export const Public = () => SetMetadata(PUBLIC, true);

/** An HTTP request after the guard; the same object under Fastify and Express. */
export type AuthenticatedRequest = IncomingRequest;

/** @throws OpstreamError `forbidden` when the principal lacks the scope */
export function requireScope(principal: Principal, scope: Scope): void {
  if (principal.scopes.has(scope)) return;
  throw new OpstreamError('forbidden', `This needs the scope ${scope}`);
}

/**
 * Authenticates Opstream's own REST handlers, i.e. those that require a scope. Handlers of a host application are left
 * alone.
 */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly security: HttpSecurity,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (context.getType() !== 'http' || this.reflector.getAllAndOverride<boolean>(PUBLIC, targets))
      return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const principal = await this.security.admit(request);
    const scope = this.reflector.getAllAndOverride<Scope | undefined>(NEEDS, targets);
    if (scope !== undefined) requireScope(principal, scope);
    return true;
  }
}
