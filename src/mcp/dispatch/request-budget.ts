import { RPC, RpcError } from '../protocol/rpc-error.js';

/** Smaller requests are bounded by their number: 1024 on a connection. */
const SMALL = 4096;
/** Characters of unanswered requests that one user may have, over all connections and transports. */
const MAX_OF_USER = 32 * 1024 * 1024;
/** And all users together; parsed, a request takes several times its text. */
const MAX_OF_ALL = 128 * 1024 * 1024;

/** What unanswered requests hold: their arguments stay in memory for as long as they run. */
export class RequestBudget {
  private readonly users = new Map<string, number>();
  private total = 0;

  constructor(
    private readonly maxOfUser = MAX_OF_USER,
    private readonly maxOfAll = MAX_OF_ALL,
  ) {}

  /** Characters that are held now. */
  get held(): number {
    return this.total;
  }

  /**
   * @param nameOf names the user; asked only when there is something to count
   * @returns gives it back; to be called once
   * @throws RpcError for what has no room
   */
  take(size: number, nameOf: () => string): () => void {
    if (size <= SMALL) return nothing;
    const user = nameOf();
    const held = this.users.get(user) ?? 0;
    // A single request fits always: how large one may be is bounded where it is read.
    if (held > 0 && (held + size > this.maxOfUser || this.total + size > this.maxOfAll)) {
      throw new RpcError(RPC.serverError, 'Too much is unanswered; wait for answers', {
        code: 'too_many_requests',
      });
    }
    this.users.set(user, held + size);
    this.total += size;
    return () => this.give(user, size);
  }

  private give(user: string, size: number): void {
    const left = this.users.get(user)! - size;
    if (left === 0) this.users.delete(user);
    else this.users.set(user, left);
    this.total -= size;
  }
}

function nothing(): void {}
