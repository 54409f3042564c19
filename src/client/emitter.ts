type Listener<Args extends readonly unknown[]> = (...args: Args) => void;

/**
 * The part of Node's `EventEmitter` the SDK's classes offer, typed by event and working in browsers. Unlike Node's,
 * an `error` event nobody listens to is not thrown: a lost connection must not end the program.
 */
export class Emitter<Events extends Record<keyof Events, readonly unknown[]>> {
  readonly #listeners = new Map<keyof Events, Listener<never>[]>();

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const present = this.#listeners.get(name);
    // A new array, so that an emit under way is not disturbed.
    this.#listeners.set(name, present ? [...present, listener] : [listener]);
    return this;
  }

  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const once: Listener<Events[Name]> = (...args) => {
      this.off(name, once);
      listener(...args);
    };
    return this.on(name, once);
  }

  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const left = this.#listeners.get(name)?.filter((present) => present !== listener) ?? [];
    if (left.length > 0) this.#listeners.set(name, left);
    else this.#listeners.delete(name);
    return this;
  }

  /** @returns whether anybody listened */
  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): boolean {
    const listeners = this.#listeners.get(name) as Listener<Events[Name]>[] | undefined;
    if (!listeners) return false;
    for (const listener of listeners) listener(...args);
    return true;
  }

  listenerCount(name: keyof Events): number {
    return this.#listeners.get(name)?.length ?? 0;
  }
}
