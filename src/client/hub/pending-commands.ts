import { CLIENT_ERROR, OpstreamClientError } from '../errors.js';
import { isObject, toJson } from '../json.js';

/** A message of the service, before its type is known. */
export type Frame = Readonly<Record<string, unknown>>;

interface Pending {
  readonly frame: string;
  /** Whether it may be sent again on the next connection; otherwise it is rejected when the connection is lost. */
  readonly resend: boolean;
  /** Milliseconds as of `performance.now()`; undefined while it waits for a connection. */
  deadline?: number;
  resolve(answer: Frame): void;
  reject(error: Error): void;
}

/**
 * Unanswered commands, in order. Without a connection this is the offline queue; after a reconnect everything is sent
 * again, which is safe because recording commands carry an id.
 */
export class PendingCommands {
  readonly #pending = new Map<string, Pending>();
  #lastId = 0;
  #sweeper: ReturnType<typeof setInterval> | undefined;

  /**
   * @param max maximum commands held
   * @param timeoutMs how long an answer may take, counted from sending
   */
  constructor(
    private readonly max: number,
    private readonly timeoutMs: number,
  ) {}

  get size(): number {
    return this.#pending.size;
  }

  /** @param send receives the frame if there is a connection now */
  add(
    command: object,
    resend: boolean,
    send: ((frame: string) => void) | undefined,
    signal?: AbortSignal,
  ): Promise<Frame> {
    if (this.#pending.size >= this.max) {
      const message = `More than ${this.max} commands wait for the service`;
      return Promise.reject(new OpstreamClientError(CLIENT_ERROR.queueFull, message));
    }
    const id = String(++this.#lastId);
    const frame = toJson({ ...command, request_id: id });
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#settle(id)?.reject(signal?.reason as Error);
      const pending: Pending = {
        frame,
        resend,
        resolve: (answer) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(answer);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      this.#pending.set(id, pending);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted) onAbort();
      else if (send) this.#send(pending, send);
    });
  }

  /** @returns whether the frame answered one of these commands */
  answer(frame: Frame): boolean {
    if (typeof frame.request_id !== 'string') return false;
    const pending = this.#settle(frame.request_id);
    if (!pending) return false;
    if (frame.error === undefined) pending.resolve(frame);
    else pending.reject(errorOf(frame));
    return true;
  }

  sendAll(send: (frame: string) => void): void {
    for (const pending of this.#pending.values()) this.#send(pending, send);
  }

  /** The connection is lost: repeatable commands wait for the next one. */
  connectionLost(): void {
    for (const [id, pending] of this.#pending) {
      pending.deadline = undefined;
      if (pending.resend) continue;
      this.#settle(id);
      pending.reject(new OpstreamClientError(CLIENT_ERROR.connectionLost, 'The connection was lost'));
    }
  }

  rejectAll(error: Error): void {
    for (const [id, pending] of this.#pending) {
      this.#settle(id);
      pending.reject(error);
    }
  }

  #send(pending: Pending, send: (frame: string) => void): void {
    pending.deadline = performance.now() + this.timeoutMs;
    this.#sweeper ??= setInterval(() => this.#sweep(), Math.min(1000, this.timeoutMs));
    send(pending.frame);
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
    return pending;
  }

  /** One timer for all: every command has the same timeout, so the oldest expires first. */
  #sweep(): void {
    const now = performance.now();
    for (const [id, pending] of this.#pending) {
      if (pending.deadline === undefined || pending.deadline > now) return;
      this.#settle(id);
      const message = `The service gave no answer within ${this.timeoutMs} ms`;
      pending.reject(new OpstreamClientError(CLIENT_ERROR.timeout, message));
    }
  }
}

function errorOf(frame: Frame): OpstreamClientError {
  const code =
    isObject(frame.data) && typeof frame.data.code === 'string' ? frame.data.code : 'command_error';
  return new OpstreamClientError(code, String(frame.error));
}
