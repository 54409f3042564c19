import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HubClient, HubMessage } from '../harness/hub-client.js';
import { RunningService } from '../harness/running-service.js';
import { SseClient } from '../harness/sse-client.js';

const WATCHERS = 3;

type Step =
  | { readonly do: 'append'; readonly count: number; readonly size: number }
  | { readonly do: 'follow' | 'cut' | 'leave'; readonly watcher: number };

const watcher = fc.nat({ max: WATCHERS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 60 }),
      size: fc.constantFrom(1, 200, 5000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('follow' as const), watcher }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), watcher }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), watcher }) },
);

/** Follows an operation through connections that come and go, each resuming after what the one before received. */
class Watcher {
  readonly received: HubMessage[] = [];
  private client: HubClient | undefined;

  constructor(
    private readonly service: RunningService,
    private readonly operationId: string,
  ) {}

  async follow(): Promise<void> {
    if (this.client !== undefined) return;
    this.client = await this.service.hub();
    const command = { command: 'subscribe', operation_id: this.operationId, after_seq: this.received.length };
    await this.client.request(command);
  }

  /** What has arrived counts; what is under way is lost with the connection. */
  cut(): void {
    this.take();
    this.client?.terminate();
    this.client = undefined;
  }

  /** Goes on with the connection, but without the subscription for a moment. */
  async leave(): Promise<void> {
    if (this.client === undefined) return;
    await this.client.request({ command: 'unsubscribe', operation_id: this.operationId });
    this.take();
    const command = { command: 'subscribe', operation_id: this.operationId, after_seq: this.received.length };
    await this.client.request(command);
  }

  async toTheEnd(): Promise<void> {
    await this.follow();
    this.take();
    if (this.received.at(-1)?.event_type !== 'completed') {
      this.received.push(...(await this.client!.through('completed')));
    }
    this.cut();
  }

  private take(): void {
    this.received.push(...(this.client?.inbox.splice(0) ?? []));
  }
}

describe('hub: history and live together are the log', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());

  it('S1-11: whatever is appended, cut, left and resumed in between, each follower has every event once, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
        const id = await service.rest.open();
        const watchers = Array.from({ length: WATCHERS }, () => new Watcher(service, id));
        const appends: Promise<unknown>[] = [];
        for (const { do: action, ...what } of steps) {
          if ('count' in what) {
            const data = { message: 'x'.repeat(what.size) };
            const batch = Array.from({ length: what.count }, () => ({ event_type: 'log', data }));
            // Not awaited: the next steps happen while these are recorded and sent.
            appends.push(service.rest.post(`/api/operations/${id}/events`, batch));
          } else if (action === 'follow') await watchers[what.watcher]!.follow();
          else if (action === 'cut') watchers[what.watcher]!.cut();
          else await watchers[what.watcher]!.leave();
        }
        await Promise.all(appends);
        await service.rest.emit(id, 'result', { result: 'end' });
        const stream = await SseClient.open(`${service.http}/api/operations/${id}/stream`);
        await stream.end();
        const log = stream.messages.map(({ data }) => data);
        expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
        for (const follower of watchers) {
          await follower.toTheEnd();
          expect(follower.received).toEqual(log);
        }
      }),
      { numRuns: 20, interruptAfterTimeLimit: 15_000 },
    );
  });
});
