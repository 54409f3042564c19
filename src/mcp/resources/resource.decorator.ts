import { DiscoveryService } from '@nestjs/core';
import type { ScopeRule } from '../../auth/principal.js';
import type { LoadContext } from '../tools/tool-context.js';

/** Contents of a resource: text, or bytes as base64. `uri` and `mimeType` default to the requested ones. */
export type ResourceContents =
  | { readonly text: string; readonly uri?: string; readonly mimeType?: string }
  | { readonly blob: string; readonly uri?: string; readonly mimeType?: string };

export type ResourceReturn = string | ResourceContents | readonly ResourceContents[];

interface ResourceDescription {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
  /** Scopes the caller needs in addition to `mcp`; null for none. */
  readonly scope: ScopeRule;
  /** Additional scopes for subscribing, if that opens something. */
  readonly subscribeScope?: string;
}

export interface ResourceOptions extends ResourceDescription {
  readonly uri: string;
}

/** One variable of a URI template or one argument of a prompt. */
export interface ArgumentOptions {
  readonly name: string;
  readonly description?: string;
  readonly required?: boolean;
  /** Suggests values with this prefix; `others` holds the arguments already chosen. */
  readonly complete?: (
    typed: string,
    others: Readonly<Record<string, string>>,
    context: LoadContext,
  ) => readonly string[] | Promise<readonly string[]>;
}

export interface ResourceTemplateOptions extends ResourceDescription {
  /** RFC 6570 template, e.g. `forge://logs/attempt/{attemptId}`. */
  readonly uriTemplate: string;
  readonly arguments?: readonly ArgumentOptions[];
}

/** Where the explorer finds a method's declaration. */
export const ResourceMetadata = DiscoveryService.createDecorator<ResourceOptions>();
export const ResourceTemplateMetadata = DiscoveryService.createDecorator<ResourceTemplateOptions>();

/** Declares a provider's method `(context) => contents` as an MCP resource, loaded on demand. */
export function Resource(options: ResourceOptions) {
  return <Method extends (context: LoadContext) => Promise<ResourceReturn> | ResourceReturn>(
    target: object,
    key: string,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    ResourceMetadata(options)(target, key, descriptor);
  };
}

/**
 * Declares a provider's method `(variables, context) => contents` as an MCP resource template. It throws
 * `OpstreamError('not_found', …)` when the variables match nothing.
 */
export function ResourceTemplate(options: ResourceTemplateOptions) {
  return <
    Method extends (
      variables: Record<string, string>,
      context: LoadContext,
    ) => Promise<ResourceReturn> | ResourceReturn,
  >(
    target: object,
    key: string,
    descriptor: TypedPropertyDescriptor<Method>,
  ): void => {
    ResourceTemplateMetadata(options)(target, key, descriptor);
  };
}
