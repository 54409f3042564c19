import { afterEach, beforeEach, describe } from 'vitest';
import { describeAppending } from './appending.contract.js';
import { describeListing } from './listing.contract.js';
import { describeCaching } from './caching.contract.js';
import { describeReading } from './reading.contract.js';
import { describeClosing, describeReopening } from './reopening.contract.js';
import { describeSearching } from './searching.contract.js';
import { describeRetention } from './retention.contract.js';
import { StoreFixture, type StoreHarness } from './store-fixture.contract.js';

/** What every adapter of the port must do, whatever its engine and however many processes share it. */
export function describeOperationStore(
  { name, durable }: { name: string; durable: boolean },
  createHarness: () => Promise<StoreHarness>,
): void {
  describe(`OperationStore contract: ${name}`, () => {
    let current: StoreFixture;
    const fixture = () => current;

    beforeEach(async () => {
      current = new StoreFixture(await createHarness());
    });
    afterEach(() => current.cleanUp());

    describeAppending(fixture);
    describeReading(fixture);
    describeSearching(fixture);
    describeListing(fixture);
    describeCaching(fixture, durable);
    describeRetention(fixture);
    describeClosing(fixture);
    if (durable) describeReopening(fixture);
  });
}
