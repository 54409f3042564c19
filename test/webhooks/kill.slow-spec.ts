import { afterEach, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.js';
import { RestClient } from '../harness/rest-client.js';
import { ServiceProcess } from '../harness/service-process.js';
import { WebhookReceiver } from '../harness/webhook-receiver.js';

let service: ServiceProcess | undefined;
let receiver: WebhookReceiver | undefined;
afterEach(async () => {
  await service?.stop();
  await receiver?.goDown();
});

it('kill -9 loses no message, and none has two ids: of what ended while nobody listened, and in the last moment', async () => {
  receiver = await WebhookReceiver.start();
  service = await ServiceProcess.start({
    WEBHOOK_ALLOWED_HOSTS: '127.0.0.1',
    WEBHOOK_RETRY_SECONDS: Array(50).fill('0.3').join(','),
    WEBHOOKS: JSON.stringify([{ url: receiver.url('/hook') }]),
  });
  const ended: string[] = [];
  await receiver.goDown();
  for (let round = 0; round < 3; round++) {
    const rest = new RestClient(service.url);
    const ends = Array.from({ length: 10 }, async () => {
      const id = await rest.open('job');
      await rest.emit(id, 'result', { result: round });
      ended.push(id);
    });
    await Promise.all(ends);
    await service.kill();
    if (round === 1) await receiver.listen();
    await service.restart();
  }
  const told = () =>
    receiver!.at('/hook').map(({ id, text }) => {
      const { data } = JSON.parse(text) as { data: { operation_id: string } };
      return { id, operation: data.operation_id };
    });
  await eventually(
    'everything was told',
    () => new Set(told().map(({ operation }) => operation)).size === ended.length,
    30_000,
  );
  for (const operation of ended) {
    const ids = new Set(
      told()
        .filter((one) => one.operation === operation)
        .map(({ id }) => id),
    );
    expect([operation, ids.size]).toEqual([operation, 1]);
  }
});
