import { Injectable } from '@nestjs/common';
import { Subject, type Observable } from 'rxjs';
import { missingScope, type Principal, type ScopeRule } from '../../auth/principal.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { NamedRegistry } from '../registry/named-registry.js';
import type { LoadContext } from '../tools/tool-context.js';
import { UriTemplate } from './uri-template.js';
import { canonicalUri, withLowerScheme } from './uri.js';
import type { ResourceOptions, ResourceReturn, ResourceTemplateOptions } from './resource.decorator.js';

type Loaded = Promise<ResourceReturn> | ResourceReturn;

export interface ResourceDefinition {
  readonly options: ResourceOptions;
  readonly load: (context: LoadContext) => Loaded;
}

export interface ResourceTemplateDefinition {
  readonly options: ResourceTemplateOptions;
  readonly template: UriTemplate;
  readonly load: (variables: Record<string, string>, context: LoadContext) => Loaded;
}

/** A resource's contents have changed, for everyone or for one tenant. */
export interface ResourceUpdate {
  /** In canonical form. */
  readonly uri: string;
  readonly tenant: string | undefined;
  /** Which principals of the tenant can see the change; undefined: all. */
  readonly seenBy?: ((principal: Principal) => boolean) | undefined;
}

/** @throws Error for an invalid template */
export function defineResourceTemplate(
  options: ResourceTemplateOptions,
  load: ResourceTemplateDefinition['load'],
): ResourceTemplateDefinition {
  return { options, template: new UriTemplate(options.uriTemplate), load };
}

/** All resources and resource templates, and notifications of their changes. */
@Injectable()
export class ResourceRegistry {
  readonly resources = new NamedRegistry<ResourceDefinition>('resource', ({ options }) => options.uri);
  readonly templates = new NamedRegistry<ResourceTemplateDefinition>(
    'resource template',
    ({ options }) => options.uriTemplate,
  );
  private readonly updated = new Subject<ResourceUpdate>();
  readonly updates$: Observable<ResourceUpdate> = this.updated.asObservable();

  /**
   * Notifies subscribers of a URI that it has changed.
   * @param tenant undefined: all tenants
   * @param seenBy limits the notification to some principals
   */
  notifyUpdated(uri: string, tenant?: string, seenBy?: ResourceUpdate['seenBy']): void {
    this.updated.next({ uri: canonicalUri(uri), tenant, seenBy });
  }

  /**
   * @param purpose subscribing may open something upstream and requires more than reading
   * @throws OpstreamError `forbidden` when the caller lacks a scope of the resource
   */
  authorize(uri: string, principal: Principal, purpose: 'read' | 'subscribe' = 'read'): void {
    const found = this.resolve(uri);
    if (!found) return;
    const { scope, subscribeScope = null } = found;
    const missing =
      missingScope(principal, scope) ??
      (purpose === 'subscribe' ? missingScope(principal, subscribeScope) : undefined);
    if (missing !== undefined) {
      throw new OpstreamError('forbidden', `Resource ${uri.slice(0, 200)} needs the scope ${missing}`);
    }
  }

  /** What matches a URI: a resource, else the first matching template. */
  resolve(uri: string): ResolvedResource | undefined {
    const resource = this.resources.get(uri) ?? this.resources.get(withLowerScheme(uri));
    if (resource) return { ...demandsOf(resource.options), load: resource.load };
    for (const { template, options, load } of this.templates.list()) {
      const variables = template.match(uri);
      if (variables) return { ...demandsOf(options), load: (context) => load(variables, context) };
    }
    return undefined;
  }
}

/** What matches a URI. */
export interface ResolvedResource {
  readonly scope: ScopeRule;
  readonly subscribeScope: string | undefined;
  readonly mimeType: string | undefined;
  readonly load: ResourceDefinition['load'];
}

/** Untyped programs may omit the scope. */
function demandsOf({ scope, subscribeScope, mimeType }: ResourceOptions | ResourceTemplateOptions) {
  const declared = scope as ScopeRule | undefined;
  return { scope: declared === undefined ? 'operations:read' : declared, subscribeScope, mimeType };
}
