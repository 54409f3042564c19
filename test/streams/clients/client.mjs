// @durable-streams/client as its documentation shows it: `node client.mjs <direct url> <url through proxies>`.
import { DurableStream, IdempotentProducer, stream } from '@durable-streams/client';

const [, , direct, through] = process.argv;
const COUNT = 200;
const handle = await DurableStream.create({ url: `${direct}/js`, contentType: 'application/json' });
const received = [];
const reading = (async () => {
  const response = await stream({ url: `${through}/js`, offset: '-1', live: true });
  for await (const item of response.jsonStream()) received.push(item.n);
})();
const producer = new IdempotentProducer(
  // This producer does not repeat what a lost connection took (its documentation says so): it has the direct one.
  new DurableStream({ url: `${direct}/js`, contentType: 'application/json' }),
  'js-producer',
  { autoClaim: true, lingerMs: 2, maxInFlight: 1 },
);
for (let n = 0; n < COUNT; n++) {
  producer.append(JSON.stringify({ n }));
  await new Promise((resolve) => setTimeout(resolve, 5));
}
await producer.flush();
await handle.close();
await reading;
const again = await stream({ url: `${through}/js`, offset: '-1', live: false });
console.log(JSON.stringify({ received, again: (await again.json()).map(({ n }) => n) }));
process.exit(0);
