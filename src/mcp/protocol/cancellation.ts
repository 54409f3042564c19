/**
 * The wish to stop one request or call. The signal is made on demand, because most requests never look at it and a
 * controller costs more than a short call.
 */
export class Cancellation {
  private controller: AbortController | undefined;
  private cancelledWith: string | undefined;
  /**
   * What is cancelled with it, once. An object and not a callback: a closure made for each call keeps that call alive
   * until the next full garbage collection, which cost a quarter of the CPU of short calls (Node 24).
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
