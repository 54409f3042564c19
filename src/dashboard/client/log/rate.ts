/** How fast an operation progresses, and when it will be done if it goes on like that. */

export interface ProgressSample {
  /** Unix seconds. */
  readonly at: number;
  /** 0 to 1. */
  readonly progress: number;
}

export interface Rate {
  /** Share of the whole per second. */
  readonly perSecond: number;
  readonly secondsLeft: number;
}

/** Samples older than this say little about the pace of now. */
const WINDOW_SECONDS = 60;
const MAX_SAMPLES = 120;

/** Adds a sample. Progress that goes back starts the estimate over. */
export function addSample(samples: readonly ProgressSample[], sample: ProgressSample): ProgressSample[] {
  const last = samples.at(-1);
  if (last && sample.progress < last.progress) return [sample];
  if (last && sample.progress === last.progress && sample.at - last.at < 1) return [...samples];
  const recent = samples.filter(({ at }) => at >= sample.at - WINDOW_SECONDS);
  // With pauses longer than the window between two reports, the last report is the only measure.
  const kept = recent.length > 0 || !last ? recent : [last];
  return [...kept.slice(1 - MAX_SAMPLES), sample];
}

/**
 * The slope of the samples; undefined while it cannot be known.
 * @param now Unix seconds: silence since the last sample lowers the rate
 */
export function rateOf(samples: readonly ProgressSample[], now: number): Rate | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.progress >= 1) return undefined;
  const seconds = Math.max(now, last.at) - first.at;
  const gained = last.progress - first.progress;
  if (seconds < 1 || gained <= 0) return undefined;
  const perSecond = gained / seconds;
  return { perSecond, secondsLeft: (1 - last.progress) / perSecond };
}
