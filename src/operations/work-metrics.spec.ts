import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { WorkMetrics } from './work-metrics.js';

describe('WorkMetrics', () => {
  it('S1-70: wraps work and counts its ends, whatever it returns or throws', async () => {
    const registry = new Registry();
    const metrics = new WorkMetrics(registry);
    let during = '';
    const result = await metrics.trackRequest('websocket', 'stream_operation', async () => {
      during = await registry.metrics();
      return 42;
    });
    expect(result).toBe(42);
    const labels = 'service="websocket",name="stream_operation"';
    expect(during).toContain(`opstream_work_in_progress{${labels}} 1`);
    const failure = new Error('broken');
    const failing = metrics.trackRequest('websocket', 'stream_operation', () => {
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    const text = await registry.metrics();
    expect(text).toContain(`opstream_work_in_progress{${labels}} 0`);
    expect(text).toContain(`opstream_work_duration_seconds_count{${labels},outcome="success"} 1`);
    expect(text).toContain(`opstream_work_duration_seconds_count{${labels},outcome="error"} 1`);
  });

  it('makes no series without end', async () => {
    const registry = new Registry();
    const metrics = new WorkMetrics(registry);
    for (let n = 0; n < 250; n += 1) await metrics.trackRequest('jobs', `job-${n}`, () => {});
    const text = await registry.metrics();
    expect(text.match(/^opstream_work_in_progress\{/gm)).toHaveLength(201);
    expect(text).toContain(
      'opstream_work_duration_seconds_count{service="other",name="other",outcome="success"} 50',
    );
  });
});
