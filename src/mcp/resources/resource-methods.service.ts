import { Injectable } from '@nestjs/common';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { PagedList } from '../registry/paged-list.js';
import type { EncodedResult } from '../protocol/result.js';
import type { RequestContext } from '../session/request-context.js';
import { encodeNotification, stringAt, type Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import type { ResourceContents } from './resource.decorator.js';
import { ResourceRegistry } from './resource-registry.js';
import { ResourceSubscriptions } from './resource-subscriptions.service.js';

export const MAX_URI_LENGTH = 4096;

/** `resources/*`: lists, reading and, in sessions, subscriptions. */
@Injectable()
export class ResourceMethods {
  private readonly resources;
  private readonly templates;

  constructor(
    private readonly registry: ResourceRegistry,
    private readonly subscriptions: ResourceSubscriptions,
  ) {
    this.resources = new PagedList('resources/list', 'resources', registry.resources, ({ options }) => {
      const { scope: _scope, subscribeScope: _subscribe, ...listed } = options;
      return listed;
    });
    this.templates = new PagedList(
      'resources/templates/list',
      'resourceTemplates',
      registry.templates,
      ({ options }) => {
        const { scope: _scope, subscribeScope: _subscribe, arguments: _arguments, ...listed } = options;
        return listed;
      },
    );
  }

  list(exchange: RequestContext): EncodedResult {
    return this.resources.read(exchange);
  }

  listTemplates(exchange: RequestContext): EncodedResult {
    return this.templates.read(exchange);
  }

  /** @throws RpcError when nothing matches the URI, with the code of the era */
  async read({ era, params, principal, cancellation }: RequestContext): Promise<Params> {
    const uri = uriAt(params);
    const found = this.registry.resolve(uri);
    if (!found) throw notFound(uri, era);
    this.registry.authorize(uri, principal);
    try {
      const loaded = await found.load({ principal, signal: cancellation.signal });
      const contents = (Array.isArray(loaded) ? loaded : [loaded]) as readonly (string | ResourceContents)[];
      return {
        ...(era === 'modern' && { ttlMs: 0, cacheScope: 'private' }),
        contents: contents.map((content) => ({
          uri,
          ...(found.mimeType !== undefined && { mimeType: found.mimeType }),
          ...(typeof content === 'string' ? { text: content } : content),
        })),
      };
    } catch (error) {
      if (error instanceof OpstreamError && error.entry.status === 404)
        throw notFound(uri, era, error.message);
      throw error;
    }
  }

  /** @throws RpcError for a URI that nothing matches, as in `resources/read` */
  subscribe({ params, session, principal, era }: RequestContext): Params {
    const uri = uriAt(params);
    if (!this.registry.resolve(uri)) throw notFound(uri, era);
    this.registry.authorize(uri, principal, 'subscribe');
    session!.subscribe(
      uri,
      this.subscriptions.watch(uri, principal, () => session!.tell(resourceUpdated(uri), uri)),
    );
    return {};
  }

  unsubscribe({ params, session }: RequestContext): Params {
    session!.unsubscribe(uriAt(params));
    return {};
  }
}

export function resourceUpdated(uri: string, meta?: Params): string {
  return encodeNotification('notifications/resources/updated', { uri, ...(meta && { _meta: meta }) });
}

/** @throws RpcError `invalidParams` */
function uriAt(params: Params): string {
  const uri = stringAt(params, 'uri');
  if (uri.length === 0 || uri.length > MAX_URI_LENGTH) {
    throw new RpcError(RPC.invalidParams, `uri must have 1 to ${MAX_URI_LENGTH} characters`);
  }
  return uri;
}

function notFound(uri: string, era: RequestContext['era'], message?: string): RpcError {
  const code = era === 'legacy' ? RPC.resourceNotFound : RPC.invalidParams;
  return new RpcError(code, message ?? `Resource not found: ${uri}`, { uri });
}
