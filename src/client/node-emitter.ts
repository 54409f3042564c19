interface NodeProcess {
  getBuiltinModule?(id: 'node:events'): { readonly EventEmitter: { readonly prototype: object } };
}

/**
 * Makes a class pass `instanceof EventEmitter` in Node. The class implements every method itself, and bundlers for
 * pages find no import of a Node module.
 */
export function inheritFromNodes(emitter: { readonly prototype: object }): void {
  const { process } = globalThis as { process?: NodeProcess };
  const nodes = process?.getBuiltinModule?.('node:events');
  if (nodes) Object.setPrototypeOf(emitter.prototype, nodes.EventEmitter.prototype);
}
