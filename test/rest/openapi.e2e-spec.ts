import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviations, type Schema } from '../harness/openapi-schema.js';
import type { RestRequest } from '../harness/rest-client.js';
import { RunningService } from '../harness/running-service.js';

type Content = Readonly<Record<string, { readonly schema: Schema }>>;
interface Described {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

describe('OpenAPI', () => {
  let service: RunningService;
  let document: Document;

  beforeAll(async () => {
    service = await RunningService.start();
    document = (await service.rest.get<Document>('/api-json')).body;
  });
  afterAll(() => service.stop());

  const described = (): (Described & { method: string; path: string })[] =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
    );

  it('S1-73: the served document is docs/openapi.json; `npm run build && npm run openapi` writes it anew', async () => {
    const committed = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
    expect(document).toEqual(JSON.parse(committed));
  });

  it('names every operation once, and says how each fails', () => {
    const ids = described().map(({ operationId }) => operationId);
    expect(ids).toEqual([...new Set(ids)]);
    for (const { responses } of described()) expect(responses).toHaveProperty('default');
  });

  it('says of every number how large it is: generators for typed languages otherwise take 32 bits', () => {
    const unsized: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      const { type, format, maximum } = value as Record<string, unknown>;
      const isSmall = type === 'integer' && typeof maximum === 'number' && maximum < 2 ** 31;
      if ((type === 'number' || type === 'integer') && format === undefined && !isSmall) unsized.push(path);
      for (const [name, below] of Object.entries(value)) walk(below, `${path}/${name}`);
    };
    walk(document, '');
    expect(unsized).toEqual([]);
    expect(document.components.schemas.OperationDto!.properties!.started_at).toMatchObject({
      format: 'double',
    });
  });

  it('every answer is what the document says, to the last member', async () => {
    const event = { event_type: 'log', data: { message: 'x' } };
    const { schemas: known } = document.components;
    const answered = new Set<string>();
    /** Carries out one described operation, and compares what comes back. @param at stands for `{id}` */
    const call = async (
      operationId: string,
      at = '',
      request: RestRequest = {},
      query = '',
    ): Promise<string> => {
      const operation = described().find((candidate) => candidate.operationId === operationId)!;
      const path = operation.path.replace(/\{(id|session_id|key)\}/, at) + query;
      const { status, type, body } = await service.rest.request(
        operation.method.toUpperCase(),
        path,
        request,
      );
      const content = (operation.responses[status] ?? operation.responses.default!).content;
      const media = type.split(';')[0]!;
      if (status === 204) expect(content).toBeUndefined();
      else expect(Object.keys(content ?? {}), `${operationId} ${status}`).toEqual([media]);
      const schema = content?.[media]?.schema;
      if (schema && /json/.test(media)) {
        expect(deviations(body, schema, known), `${operationId} ${status}`).toEqual([]);
      }
      const sent = request.body;
      if (sent !== undefined && status < 300) {
        const wanted = Object.values(operation.requestBody!.content)[0]!.schema;
        expect(deviations(sent, wanted, known), `body of ${operationId}`).toEqual([]);
      }
      answered.add(operationId);
      return (body?.operation_id ?? body?.session_id ?? body?.id) as string;
    };

    for (const id of ['health', 'health_live', 'health_ready', 'health_details', 'metrics']) await call(id);
    for (const id of ['get_stats', 'get_status']) await call(id);
    await call('get_websocket_status_service', '', { body: { data: [] } });
    const ended: string[] = [];
    for (const result of [{ ok: true }, [1], 'text', 4.5, false, null]) {
      const id = await call('create_operation', '', {
        body: { operation_type: 'build', metadata: { a: 1 } },
      });
      await call('emit_result', id, { body: { result, operation_id: id, event_id: 'r' } });
      await call('get_operation', id);
      ended.push(id);
    }
    const id = await call('create_operation', '', {
      body: { operation_type: 'build', operation_id: 'mine' },
    });
    await call('create_operation', '', { body: { operation_type: 'build', operation_id: id } });
    await call('emit_progress', id, { body: { progress: 0.5, message: 'half', details: { n: 1 } } });
    await call('emit_status', id, { body: { status: 'processing' } });
    await call('emit_log', id, { body: { message: 'no level' } });
    await call('emit_events', id, { body: [event, { ...event, event_id: 'e' }] });
    await call('emit_lines', id, { body: 'one line' });
    await call('put_lines', id, { body: 'another' });
    await call('get_operation', id);
    await call('get_history', id, {}, '?after_seq=1&limit=2');
    await call('list_operations', '', {}, '?status=active&type=build&limit=1');
    await call('list_operations');
    await call('cancel_operation', id, { body: { reason: 'enough' } });
    const failed = await call('create_operation', '', { body: { operation_type: 'build' } });
    await call('emit_error', failed, { body: { error: 'broken', details: { line: 1 } } });
    await call('read_log', failed, {}, '?level=error&timestamps=utc');
    await call('stream_operation', failed);
    await call('stream_operation', failed, { headers: { 'last-event-id': '2' } });
    await call('get_operation', failed);
    await call('delete_operation', ended[0]);
    // What fails is described, too.
    await call('get_operation', ended[0]);
    await call('emit_log', id, { body: event.data });
    await call('emit_events', id, { body: [{}] });
    await call('create_operation', '', { body: {} });

    const session = await call('create_shared_session', '', { body: { purpose: 'p', metadata: { a: 1 } } });
    const message = { content: 'text', visibility: 'private', metadata: { b: [null] }, message_key: 'k' };
    await call('add_session_message', session, { body: message });
    await call('add_session_message', session, { body: message });
    await call('add_session_message', session, { body: { content: '' } });
    for (const name of ['get_shared_session', 'list_session_messages', 'get_session_presence'])
      await call(name, session);
    await call('search_session', session, {}, '?q=txt');
    await call('list_shared_sessions');
    await call('set_agent_memory', 'k', { body: { value: [1], expires_in: 60, metadata: {} } });
    await call('get_agent_memory', 'k');
    await call('list_agent_memory');
    await call('forget_agent_memory', 'k');
    await call('get_agent_memory', 'k');
    await call('broadcast', session, { body: { a: 1 } });
    await call('broadcast', session, { body: '[]' });
    await call('close_shared_session', session);
    await call('ui_config');

    const elsewhere = [
      'create_backup',
      'stream_session',
      'stream_all',
      'create_api_key',
      'list_api_keys',
      'revoke_api_key',
      // Administrators alone; test/webhooks uses each.
      'create_webhook',
      'list_webhooks',
      'get_webhook',
      'update_webhook',
      'delete_webhook',
      'test_webhook',
      'list_webhook_deliveries',
      'repeat_webhook_delivery',
      // Need an open request; test/rest/input-requests uses each.
      'request_input',
      'answer_input',
      'withdraw_input',
      // The protocol's own suite tries these.
      'create_stream',
      'append_to_stream',
      'read_stream',
      'describe_stream',
      'delete_stream',
    ];
    const all = described().map(({ operationId }) => operationId);
    expect(all.filter((operationId) => !answered.has(operationId)).toSorted()).toEqual(elsewhere.toSorted());
  });

  it.each(['/docs', '/api-yaml'])('%s is served', async (path) => {
    expect((await service.rest.get(path)).status).toBe(200);
  });
});
