import type { Principal } from './principal.js';

/** setTimeout overflows above 24.8 days; a later timer covers the rest. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export type Invalid = 'Token expired' | 'Key revoked';

/** Watches the principal of a socket or stream and reports once when it stops being valid. */
export class ValidityWatch {
  private timer: NodeJS.Timeout | undefined;
  private revoked: AbortSignal | undefined;

  /** @param onEnd never called after `stop`, nor for a principal that was replaced first */
  constructor(private readonly onEnd: (reason: Invalid) => void) {}

  /** Watches this principal in place of the previous one. */
  watch(principal: Principal): void {
    this.stop();
    this.revoked = principal.revoked;
    this.revoked?.addEventListener('abort', this.onRevoked);
    if (this.revoked?.aborted) queueMicrotask(this.onRevoked);
    if (principal.expiresAt !== undefined) this.expireAt(principal.expiresAt * 1000);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.revoked?.removeEventListener('abort', this.onRevoked);
    this.revoked = undefined;
  }

  private expireAt(at: number): void {
    const delay = Math.min(Math.max(0, at - Date.now()), MAX_DELAY_MS);
    this.timer = setTimeout(() => {
      if (Date.now() < at) this.expireAt(at);
      else this.end('Token expired');
    }, delay).unref();
  }

  private readonly onRevoked = (): void => {
    if (this.revoked?.aborted) this.end('Key revoked');
  };

  private end(reason: Invalid): void {
    this.stop();
    this.onEnd(reason);
  }
}
