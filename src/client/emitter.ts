import { inheritFromNodes } from './node-emitter.js';

type Listener<Args extends readonly unknown[]> = (...args: Args) => void;

/** A listener as given, and the function called in its place; they differ for one that is called once. */
interface Entry {
  readonly given: Listener<never>;
  readonly called: Listener<never>;
}

/**
 * Node's `EventEmitter`, typed by event and working in browsers; in Node it also is an instance of it. Unlike Node's,
 * an `error` event nobody listens to is not thrown: a lost connection must not end the program. There is no bound to
 * warn of.
 */
export class Emitter<Events extends Record<keyof Events, readonly unknown[]>> {
  readonly #listeners = new Map<keyof Events, readonly Entry[]>();

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, { given: listener, called: listener }, 'last');
  }

  addListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.on(name, listener);
  }

  prependListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, { given: listener, called: listener }, 'first');
  }

  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, this.#onlyOnce(name, listener), 'last');
  }

  prependOnceListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, this.#onlyOnce(name, listener), 'first');
  }

  /** Removes a listener; if it was added several times, the last one. */
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const present = this.#listeners.get(name) ?? [];
    const at = present.findLastIndex(({ given, called }) => given === listener || called === listener);
    if (at >= 0) this.#set(name, present.toSpliced(at, 1));
    return this;
  }

  removeListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.off(name, listener);
  }

  /** @param name of the event; by default every event */
  removeAllListeners(name?: keyof Events): this {
    if (name === undefined) this.#listeners.clear();
    else this.#listeners.delete(name);
    return this;
  }

  /** @returns whether anybody listened */
  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): boolean {
    const entries = this.#listeners.get(name);
    if (!entries) return false;
    for (const { called } of entries) (called as unknown as Listener<Events[Name]>)(...args);
    return true;
  }

  /** @param listener counts only this one */
  listenerCount<Name extends keyof Events>(name: Name, listener?: Listener<Events[Name]>): number {
    const entries = this.#listeners.get(name) ?? [];
    return listener === undefined
      ? entries.length
      : entries.filter(({ given, called }) => given === listener || called === listener).length;
  }

  listeners<Name extends keyof Events>(name: Name): Listener<Events[Name]>[] {
    return (this.#listeners.get(name) ?? []).map(({ given }) => given as unknown as Listener<Events[Name]>);
  }

  /** Like `listeners`, with the wrappers of those that are called once. */
  rawListeners<Name extends keyof Events>(name: Name): Listener<Events[Name]>[] {
    return (this.#listeners.get(name) ?? []).map(({ called }) => called as unknown as Listener<Events[Name]>);
  }

  eventNames(): (keyof Events & (string | symbol))[] {
    return [...this.#listeners.keys()] as (keyof Events & (string | symbol))[];
  }

  getMaxListeners(): number {
    return Infinity;
  }

  setMaxListeners(_count: number): this {
    return this;
  }

  #add(name: keyof Events, entry: Entry, where: 'first' | 'last'): this {
    // A new array, so that an emit in progress is not disturbed.
    const present = this.#listeners.get(name) ?? [];
    return this.#set(name, where === 'first' ? [entry, ...present] : [...present, entry]);
  }

  #set(name: keyof Events, entries: readonly Entry[]): this {
    if (entries.length > 0) this.#listeners.set(name, entries);
    else this.#listeners.delete(name);
    return this;
  }

  #onlyOnce<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): Entry {
    const called: Listener<Events[Name]> = (...args) => {
      this.off(name, called);
      listener(...args);
    };
    return { given: listener, called };
  }
}

inheritFromNodes(Emitter);
