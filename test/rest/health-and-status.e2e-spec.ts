import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubClient } from '../../src/client/index.js';
import { RunningService } from '../harness/running-service.js';

describe('REST: health and status', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await RunningService.start();
  });
  afterAll(() => service.stop());

  it("X-27, X-31: /health has the bridge's shape, and the port the browser client reads", async () => {
    const answer = await service.rest.get('/health');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      status: 'healthy',
      websocket_support: true,
      endpoints: {
        web_ui: '/ws/{session_id}',
        mcp_agents: '/mcp/{session_id}',
        broadcast: '/broadcast/{session_id}',
      },
      config: { websocket_port: service.port },
      mcpsock_available: true,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
  });

  it('/health/live answers UP', async () => {
    expect(await service.rest.get('/health/live')).toMatchObject({ status: 200, body: { status: 'UP' } });
  });

  it('/health/ready and /health/details name the parts', async () => {
    expect(await service.rest.get('/health/ready')).toMatchObject({
      status: 200,
      body: { status: 'UP', degraded: [] },
    });
    expect((await service.rest.get('/health/details')).body).toMatchObject({
      status: 'UP',
      version: expect.any(String),
      uptime: expect.any(Number),
      parts: expect.any(Object),
    });
  });

  it('S1-36, X-15: the Gradio-shaped status call', async () => {
    const stats = {
      connected_clients: expect.any(Number),
      active_operations: expect.any(Number),
      total_operations: expect.any(Number),
      subscriptions: expect.any(Number),
    };
    for (const body of [{ data: [] }, {}, undefined]) {
      const answer = await service.rest.post('/api/get_websocket_status_service', body);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({ data: [{ available: true, running: true, stats }] });
    }
  });

  it('D-06, S1-15: /api/status and /api/stats count clients, operations and subscriptions', async () => {
    const client = await service.hub();
    await client.subscribe(await service.rest.open());
    const stats = {
      connected_clients: 1,
      active_operations: 1,
      total_operations: 1,
      subscriptions: 1,
    };
    expect((await service.rest.get('/api/stats')).body).toEqual(stats);
    expect((await service.rest.get('/api/status')).body).toEqual({ available: true, running: true, stats });
  });

  it('S4-70: /metrics is Prometheus text', async () => {
    const answer = await service.rest.get('/metrics');
    expect(answer.type).toContain('text/plain');
    expect(answer.text).toMatch(/^websocket_connections \d+$/m);
    expect(answer.text).toMatch(/^opstream_deliveries_total \d+$/m);
  });

  it('S1-70: /metrics counts events, and operations by their end', async () => {
    const value = async (name: string) => {
      const { text } = await service.rest.get('/metrics');
      const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
      return line === undefined ? 0 : Number(line.slice(name.length));
    };
    const other = 'operation_type="other"';
    const names = [
      'opstream_events_total{type="log"}',
      `opstream_operations_opened_total{${other}}`,
      `opstream_operations_ended_total{${other},outcome="completed"}`,
      `opstream_operations_ended_total{${other},outcome="cancelled"}`,
      `opstream_operation_duration_seconds_count{${other}}`,
    ];
    const before = await Promise.all(names.map(value));
    const [done, stopped] = [await service.rest.open(), await service.rest.open()];
    for (const message of ['a', 'b', 'c']) await service.rest.emit(done, 'log', { message });
    await service.rest.emit(done, 'result', { result: 1 });
    await service.rest.post(`/api/operations/${stopped}/cancel`);
    const after = await Promise.all(names.map(value));
    expect(after.map((count, index) => count - before[index]!)).toEqual([3, 2, 1, 1, 1]);
  });

  it('S4-70: /metrics counts requests by route, method and status, and how long they took', async () => {
    await service.rest.get('/api/operations/nobody');
    await service.rest.get('/no/such/path');
    const labels = 'method="GET",route="/api/operations/:id",status_code="404"';
    await expect
      .poll(async () => (await service.rest.get('/metrics')).text)
      .toContain(`http_requests_total{${labels}} 1`);
    const { text } = await service.rest.get('/metrics');
    expect(text).toContain(`http_request_duration_seconds_bucket{le="0.01",${labels}}`);
    expect(text).toContain(`http_request_duration_seconds_count{${labels}} 1`);
    expect(text).not.toContain('/no/such/path');
    expect(text).not.toContain('nobody');
  });

  it('S1-16, S1-19: ENABLE_WEBSOCKET=false serves REST alone, and says so', async () => {
    const off = await RunningService.start({ ENABLE_WEBSOCKET: 'false' });
    try {
      expect((await off.rest.get('/api/status')).body).toEqual({
        available: false,
        running: false,
        stats: null,
      });
      expect((await off.rest.get('/health')).body).toMatchObject({ websocket_support: false });
      await expect(off.hub()).rejects.toThrow('400');
      const sdk = new HubClient({ url: off.http });
      await expect(sdk.connect()).rejects.toThrow(
        /answered 400: WebSockets are off here \(ENABLE_WEBSOCKET\)/,
      );
      await off.rest.emit(await off.rest.open(), 'result', { result: 'still works' });
    } finally {
      await off.stop();
    }
  });
});
