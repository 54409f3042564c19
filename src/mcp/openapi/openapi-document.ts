import { isObject, type Params } from '../protocol/json-rpc.js';

/** Reads OpenAPI 3.0 and 3.1 documents. Anything unreadable is a problem with a reason, never a crash. */

/** An invalid document, or an entry in it that cannot be used; the message says why. */
export class OpenApiProblem extends Error {
  override readonly name = 'OpenApiProblem';
}

/** One operation of a document, including what its path defines for all methods. */
export interface OpenApiOperation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string | undefined;
  readonly tags: readonly string[];
  readonly summary: string | undefined;
  readonly description: string | undefined;
  /** The path's parameters first, overridden by the operation's own of the same name and place; may be references. */
  readonly parameters: readonly Params[];
  /** May be a reference. */
  readonly requestBody: Params | undefined;
  readonly responses: Params;
  /** Empty if the document's own apply. */
  readonly servers: readonly Params[];
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
const MAX_REFERENCE_HOPS = 32;

export class OpenApiDocument {
  /** @throws OpenApiProblem for anything that is not OpenAPI 3 */
  constructor(private readonly root: Params) {
    if (typeof root.swagger === 'string') {
      throw new OpenApiProblem(`it is Swagger ${root.swagger}; convert it to OpenAPI 3`);
    }
    if (typeof root.openapi !== 'string' || !root.openapi.startsWith('3.')) {
      throw new OpenApiProblem('it is no OpenAPI 3 document: "openapi" must be a version like "3.1.0"');
    }
    if (root.paths !== undefined && !isObject(root.paths))
      throw new OpenApiProblem('"paths" is not an object');
  }

  get servers(): readonly Params[] {
    return objects(this.root.servers);
  }

  /** @param unreadable called for paths whose operations cannot be read */
  *operations(unreadable?: (path: string, problem: Error) => void): Iterable<OpenApiOperation> {
    for (const [path, value] of Object.entries((this.root.paths ?? {}) as Params)) {
      let item: Params;
      try {
        item = this.resolve(value);
      } catch (thrown) {
        unreadable?.(path, thrown as OpenApiProblem);
        continue;
      }
      // Anything before the slash would become part of the host that is called.
      if (!path.startsWith('/')) {
        unreadable?.(path, new OpenApiProblem('a path must begin with "/"'));
        continue;
      }
      for (const method of METHODS) {
        const operation = item[method];
        if (isObject(operation)) yield operationAt(path, method, item, operation);
      }
    }
  }

  /**
   * Follows `$ref` to its target; an object without one is returned.
   * @throws OpenApiProblem for an external, broken or circular reference
   */
  resolve(value: unknown): Params {
    let current = value;
    for (let hops = 0; hops <= MAX_REFERENCE_HOPS; hops++) {
      if (!isObject(current)) throw new OpenApiProblem('a reference or an object was expected');
      if (typeof current.$ref !== 'string') return current;
      current = this.at(current.$ref);
    }
    throw new OpenApiProblem('references that lead in a circle');
  }

  /** @throws OpenApiProblem */
  at(reference: string): unknown {
    if (!reference.startsWith('#/')) {
      throw new OpenApiProblem(`$ref "${reference.slice(0, 200)}" does not point into this document`);
    }
    let value: unknown = this.root;
    for (const part of reference.slice(2).split('/')) {
      const key = decode(part).replaceAll('~1', '/').replaceAll('~0', '~');
      value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    }
    if (value === undefined) {
      throw new OpenApiProblem(`$ref "${reference.slice(0, 200)}" points to nothing`);
    }
    return value;
  }
}

function operationAt(path: string, method: string, item: Params, operation: Params): OpenApiOperation {
  const servers = objects(operation.servers);
  return {
    method: method.toUpperCase(),
    path,
    operationId: text(operation.operationId),
    tags: tagsOf(operation),
    summary: text(operation.summary),
    description: text(operation.description) ?? text(item.description),
    parameters: [...objects(item.parameters), ...objects(operation.parameters)],
    requestBody: isObject(operation.requestBody) ? operation.requestBody : undefined,
    responses: isObject(operation.responses) ? operation.responses : {},
    servers: servers.length > 0 ? servers : objects(item.servers),
  };
}

/** `x-mcp: true` counts as the tag `mcp`; a real tag would make generators create a class for it. */
function tagsOf({ tags, 'x-mcp': offered }: Params): readonly string[] {
  const named = Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
  return offered === true ? [...named, 'mcp'] : named;
}

function objects(value: unknown): readonly Params[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
