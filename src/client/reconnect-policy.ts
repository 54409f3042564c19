/**
 * When to retry after a lost connection. One shape serves every client of the SDK; the presets follow existing
 * systems.
 */
export interface ReconnectPolicy {
  /** Consecutive failed attempts before the client gives up; `Infinity` never gives up. */
  readonly maxAttempts: number;
  /**
   * @param attempt 1 for the first attempt after a loss
   * @param random a number from 0 to below 1, `Math.random()` outside of tests
   * @returns milliseconds to wait before this attempt
   */
  delay(attempt: number, random: number): number;
}

interface Exponential {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/**
 * The nominal delay: `firstMs · factor^(attempt - 1)`, at most `maxMs`, even for attempts beyond the range of a
 * double.
 */
function exponential({ firstMs, factor, maxMs }: Exponential, attempt: number): number {
  return Math.min(maxMs, firstMs * factor ** (attempt - 1));
}

const spread: Exponential = { firstMs: 500, factor: 2, maxMs: 20_000 };
const agents: Exponential = { firstMs: 1000, factor: 1.5, maxMs: 30_000 };
const upstream: Exponential = { firstMs: 1000, factor: 2, maxMs: 60_000 };
const peer: Exponential = { firstMs: 1000, factor: 2, maxMs: 600_000 };

export type ReconnectPreset = 'spread' | 'upstream' | 'agents' | 'fixed' | 'linear' | 'peer' | 'never';

export const RECONNECT: Readonly<Record<ReconnectPreset, ReconnectPolicy>> = {
  /**
   * Full jitter: anywhere between nothing and 0.5, 1, 2 … 20 s, forever. Thousands of clients that lose one server
   * spread evenly, instead of coming back together.
   */
  spread: {
    maxAttempts: Infinity,
    delay: (attempt, random) => random * exponential(spread, attempt),
  },
  /** Forge streams: 1, 2, 4, 8, 16 s, then give up. Up to 10 % of jitter keeps clients from reconnecting in step. */
  upstream: {
    maxAttempts: 5,
    delay: (attempt, random) => exponential(upstream, attempt) * (1 + 0.1 * random),
  },
  /** Agents protocol: 1 s · 1.5ⁿ up to 30 s, plus up to 30 % of jitter, ten attempts. */
  agents: {
    maxAttempts: 10,
    delay: (attempt, random) => exponential(agents, attempt) * (1 + 0.3 * random),
  },
  /** Every 5 s, forever. */
  fixed: { maxAttempts: Infinity, delay: () => 5000 },
  /** 2 s more with each of five attempts. */
  linear: { maxAttempts: 5, delay: (attempt) => 2000 * attempt },
  /** MCP peers: 1 s, doubling up to ten minutes, forever. */
  peer: { maxAttempts: Infinity, delay: (attempt) => exponential(peer, attempt) },
  /** Do not reconnect. */
  never: { maxAttempts: 0, delay: () => 0 },
};

export function reconnectPolicy(choice: ReconnectPreset | ReconnectPolicy): ReconnectPolicy {
  return typeof choice === 'string' ? RECONNECT[choice] : choice;
}
