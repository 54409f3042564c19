import { isObject, type Params } from '../protocol/json-rpc.js';

/** Reading OpenAPI 3.0 and 3.1 documents. Whatever cannot be read is a problem with a reason, never a crash. */

/** A document that is none, or an entry in it that cannot be used; the message says why. */
export class OpenApiProblem extends Error {
  override readonly name = 'OpenApiProblem';
}

/** One operation of a document, its parameters merged with those of its path. */
export interface OpenApiOperation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string | undefined;
  readonly tags: readonly string[];
  readonly summary: string | undefined;
  readonly description: string | undefined;
  readonly parameters: readonly Params[];
  readonly requestBody: Params | undefined;
  readonly responses: Params;
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
    if (root.paths !== undefined && !isObject(root.paths)) throw new OpenApiProblem('"paths" is no object');
  }

  get servers(): readonly Params[] {
    return objects(this.root.servers);
  }

  *operations(): Iterable<OpenApiOperation> {
    for (const [path, value] of Object.entries((this.root.paths ?? {}) as Params)) {
      const item = this.tryResolve(value);
      if (!item) continue;
      for (const method of METHODS) {
        const operation = item[method];
        if (isObject(operation)) yield this.operationAt(path, method, item, operation);
      }
    }
  }

  /**
   * Follows `$ref` to the object it stands for; an object without one is itself.
   * @throws OpenApiProblem for a reference to another document, to nothing, or in a circle
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

  private operationAt(path: string, method: string, item: Params, operation: Params): OpenApiOperation {
    const merged = new Map<string, Params>();
    for (const value of [...objects(item.parameters), ...objects(operation.parameters)]) {
      const parameter = this.tryResolve(value);
      if (parameter) merged.set(`${String(parameter.in)} ${String(parameter.name)}`, parameter);
    }
    return {
      method: method.toUpperCase(),
      path,
      operationId: text(operation.operationId),
      tags: Array.isArray(operation.tags) ? operation.tags.filter((tag) => typeof tag === 'string') : [],
      summary: text(operation.summary),
      description: text(operation.description) ?? text(item.description),
      parameters: [...merged.values()],
      requestBody: operation.requestBody === undefined ? undefined : this.tryResolve(operation.requestBody),
      responses: isObject(operation.responses) ? operation.responses : {},
      servers: [...objects(operation.servers), ...objects(item.servers)],
    };
  }

  private tryResolve(value: unknown): Params | undefined {
    try {
      return this.resolve(value);
    } catch {
      return undefined;
    }
  }
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
