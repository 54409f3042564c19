import { OpstreamError } from '../../platform/errors/opstream-error.js';

/** Bytes of bodies being received, for the whole process and per address. */
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_BYTES_OF_ADDRESS = 64 * 1024 * 1024;

let total = 0;
const byAddress = new Map<string, number>();

/** The share of one body in the memory for all bodies being received. */
export class BodyBudget {
  private taken = 0;

  constructor(private readonly address: string) {}

  /** @throws OpstreamError `overloaded` when there is no room */
  take(bytes: number): void {
    const ofAddress = (byAddress.get(this.address) ?? 0) + bytes;
    if (total + bytes > MAX_BYTES || ofAddress > MAX_BYTES_OF_ADDRESS) {
      throw new OpstreamError('overloaded', 'Too many request bodies in progress; retry shortly', {
        retry_after: 1,
      });
    }
    total += bytes;
    this.taken += bytes;
    byAddress.set(this.address, ofAddress);
  }

  release(): void {
    const left = (byAddress.get(this.address) ?? 0) - this.taken;
    total -= this.taken;
    this.taken = 0;
    if (left > 0) byAddress.set(this.address, left);
    else byAddress.delete(this.address);
  }
}
