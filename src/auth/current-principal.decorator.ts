import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { AuthenticatedRequest } from './auth.guard.js';
import { anonymousPrincipal, type Principal } from './principal.js';

/** The principal of an HTTP request, as set by the guard. */
export const CurrentPrincipal = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Principal => {
    return context.switchToHttp().getRequest<AuthenticatedRequest>().principal ?? anonymousPrincipal;
  },
);
