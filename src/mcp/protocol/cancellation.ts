/**
 * A cancellation request. The signal is created on demand: most requests never look at it, and a controller costs more
 * than a short call.
 */
export class Cancellation {
  private controller: AbortController | undefined;
  private cancelledWith: string | undefined;
  /**
   * What is cancelled with it, once. An object and not a callback: V8 puts functions that are assigned straight to a
   * property among the long-lived ones, where they keep what they capture until the next full garbage collection.
   */
  target: { cancel(reason: string): void } | undefined;

  get cancelled(): boolean {
    return this.cancelledWith !== undefined;
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.cancelledWith !== undefined) this.abort(this.cancelledWith);
    }
    return this.controller.signal;
  }

  cancel(reason: string): void {
    if (this.cancelled) return;
    this.cancelledWith = reason;
    if (this.controller) this.abort(reason);
    this.target?.cancel(reason);
  }

  private abort(reason: string): void {
    this.controller!.abort(new DOMException(reason, 'AbortError'));
  }
}
