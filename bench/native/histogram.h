/* Counts of durations in buckets of 1.6 % width: exact enough for percentiles, and one addition per sample. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <string.h>

#define HISTOGRAM_STEPS 64 /* per power of two */

struct histogram {
  uint64_t counts[64 * HISTOGRAM_STEPS];
  uint64_t total;
  uint64_t max;
};

static inline void histogram_clear(struct histogram *h) { memset(h, 0, sizeof *h); }

static inline void histogram_add(struct histogram *h, uint64_t value) {
  uint32_t index = (uint32_t)value;
  if (value >= HISTOGRAM_STEPS) {
    int shift = 63 - __builtin_clzll(value) - 6;
    index = (uint32_t)(shift + 1) * HISTOGRAM_STEPS + (uint32_t)((value >> shift) - HISTOGRAM_STEPS);
  }
  h->counts[index]++;
  h->total++;
  if (value > h->max) h->max = value;
}

/* The value that a share of all samples does not exceed; 0 without samples. */
static inline uint64_t histogram_quantile(const struct histogram *h, double share) {
  uint64_t wanted = (uint64_t)(share * (double)h->total + 0.5), seen = 0;
  for (uint32_t index = 0; index < 64 * HISTOGRAM_STEPS; index++) {
    seen += h->counts[index];
    if (seen < wanted || h->counts[index] == 0) continue;
    if (index < HISTOGRAM_STEPS) return index;
    uint32_t shift = index / HISTOGRAM_STEPS - 1;
    return (uint64_t)(index % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift;
  }
  return h->max;
}

#endif
