import { Injectable, RequestMethod, type Type } from '@nestjs/common';
import { GUARDS_METADATA, METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { ApplicationConfig, DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { AuthGuard, NEEDS, PUBLIC } from './auth.guard.js';
import type { Scope } from './principal.js';

/** One of Opstream's own handlers that requires authentication. */
export interface GuardedRoute {
  readonly method: string;
  /** As both platforms write it: `/api/operations/:id`. */
  readonly url: string;
  readonly scope: Scope | undefined;
}

/**
 * The routes behind `AuthGuard`, known before a request arrives. A guard runs after the body was read, but the caller
 * must be known before.
 */
@Injectable()
export class GuardedRoutes {
  private found: ReadonlyMap<string, GuardedRoute> | undefined;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
    private readonly application: ApplicationConfig,
  ) {}

  /** Looks up a route by its pattern, as Fastify reports it. */
  get(method: string, url: string | undefined): GuardedRoute | undefined {
    return url === undefined ? undefined : this.routes.get(`${method === 'HEAD' ? 'GET' : method} ${url}`);
  }

  /**
   * Looks up a route by the request path, where the platform does not report the pattern. Case and slashes are treated
   * as Express does.
   */
  find(method: string, pathname: string): GuardedRoute | undefined {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const given = pathname.toLowerCase().replace(/\/+$/, '').split('/');
    for (const route of this.routes.values()) {
      if (route.method === wanted && matches(route.url.toLowerCase().split('/'), given)) return route;
    }
    return undefined;
  }

  /** Built on the first request, when every module has its controllers. */
  private get routes(): ReadonlyMap<string, GuardedRoute> {
    return (this.found ??= new Map(
      this.discovery
        .getControllers()
        .flatMap(({ metatype }) => (typeof metatype === 'function' ? this.routesOf(metatype as Type) : []))
        .map((route) => [`${route.method} ${route.url}`, route]),
    ));
  }

  private routesOf(controller: Type): GuardedRoute[] {
    const guards = (Reflect.getMetadata(GUARDS_METADATA, controller) ?? []) as unknown[];
    if (!guards.includes(AuthGuard)) return [];
    const prototype = controller.prototype as Record<string, object>;
    return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
      const handler = prototype[name] as (() => void) | undefined;
      if (!handler || !Reflect.hasMetadata(PATH_METADATA, handler)) return [];
      const targets = [handler, controller];
      if (this.reflector.getAllAndOverride<boolean>(PUBLIC, targets)) return [];
      const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod];
      const scope = this.reflector.getAllAndOverride<Scope | undefined>(NEEDS, targets);
      return this.urlsOf(controller, handler).map((url) => ({ method, url, scope }));
    });
  }

  private urlsOf(controller: Type, handler: object): string[] {
    return pathsOf(controller).flatMap((base) =>
      pathsOf(handler).map((path) => {
        const parts = [this.application.getGlobalPrefix(), base, path].map((part) =>
          part.replace(/^\/+|\/+$/g, ''),
        );
        return `/${parts.filter((part) => part !== '').join('/')}`;
      }),
    );
  }
}

function matches(pattern: readonly string[], given: readonly string[]): boolean {
  return (
    pattern.length === given.length &&
    pattern.every((part, at) => (part.startsWith(':') ? given[at] !== '' : part === given[at]))
  );
}

function pathsOf(target: object): string[] {
  return [Reflect.getMetadata(PATH_METADATA, target) as string | string[]].flat();
}
