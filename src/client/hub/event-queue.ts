interface Waiter<Item> {
  resolve(result: IteratorResult<Item, undefined>): void;
  reject(error: Error): void;
}

export interface QueueHooks {
  /** The reader has taken everything buffered. */
  drained(): void;
  /** Nobody will read any longer: the reader left its loop, or the end was reached. */
  released(): void;
}

/** A bounded buffer between a connection that pushes and a `for await` loop that pulls. */
export class EventQueue<Item> implements AsyncIterableIterator<Item, undefined> {
  #items: Item[] = [];
  /** Index of the oldest item; the array is cut only occasionally, so that taking stays cheap. */
  #head = 0;
  #waiters: Waiter<Item>[] = [];
  #end: { readonly error?: Error } | undefined;
  #forgetSignal = (): void => {};

  constructor(
    private readonly capacity: number,
    private readonly hooks: QueueHooks,
  ) {}

  /** @returns false when the buffer is full or the queue has ended, and the item was not taken */
  push(item: Item): boolean {
    if (this.#end) return false;
    const waiter = this.#waiters.shift();
    if (waiter) {
      waiter.resolve({ value: item, done: false });
      return true;
    }
    if (this.#items.length - this.#head >= this.capacity) return false;
    this.#items.push(item);
    return true;
  }

  /** What is buffered is still delivered; then the loop ends, or throws the error. Only the first call counts. */
  end(error?: Error): void {
    if (this.#end) return;
    this.#end = error ? { error } : {};
    this.#forgetSignal();
    const waiters = this.#waiters;
    this.#waiters = [];
    // There are waiters only when nothing is buffered: the first gets the error, the others the end.
    waiters.forEach((waiter, index) => {
      if (error && index === 0) waiter.reject(error);
      else waiter.resolve({ value: undefined, done: true });
    });
    if (error && waiters.length > 0) this.#end = {};
    this.hooks.released();
  }

  /** Ends the loop when the signal fires, dropping what is buffered. */
  endWith(signal: AbortSignal): void {
    if (this.#end) return;
    const stop = (): void => void this.return();
    this.#forgetSignal = () => signal.removeEventListener('abort', stop);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#head < this.#items.length) {
      const value = this.#items[this.#head++]!;
      this.#compact();
      return Promise.resolve({ value, done: false });
    }
    if (this.#end) {
      const { error } = this.#end;
      this.#end = {};
      return error ? Promise.reject(error) : Promise.resolve({ value: undefined, done: true });
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Called by `break` and `return` in the loop: drops what is buffered. */
  return(): Promise<IteratorResult<Item, undefined>> {
    this.#items = [];
    this.#head = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #compact(): void {
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
      if (!this.#end) this.hooks.drained();
    } else if (this.#head >= 1024) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
