import type { Json } from '../../harness/mcp-client.js';

/** One message of the conversation. A string is sent as it is. */
export interface Step {
  readonly name: string;
  readonly send: Json | string;
  /** Requests that are served on one side of 2026-07-28 only. */
  readonly era?: 'sessions' | 'modern';
}

const request = (name: string, method: string, params?: Json, era?: Step['era']): Step => ({
  name,
  send: { method, ...(params && { params }) },
  ...(era && { era }),
});
const malformed = (name: string, send: Json | string): Step => ({ name, send, era: 'sessions' });

const prompt = { type: 'ref/prompt', name: 'greet' };
const template = { type: 'ref/resource', uri: 'ref://items/{id}' };

/** Everything both servers serve, as a client says it after `initialize`. A request gets its id when it is sent. */
export const CONVERSATION: readonly Step[] = [
  request('discover', 'server/discover', {}, 'modern'),
  request('ping', 'ping', undefined, 'sessions'),
  request('list tools', 'tools/list'),
  request('list tools, bad cursor', 'tools/list', { cursor: 'no such page' }),
  request('list tools, cursor of a wrong type', 'tools/list', { cursor: 5 }),
  request('call', 'tools/call', { name: 'echo', arguments: { text: 'hi' } }),
  request('call, structured', 'tools/call', { name: 'sum', arguments: { a: 1, b: 2 } }),
  request('call without arguments', 'tools/call', { name: 'fail' }),
  request('call, wrong arguments', 'tools/call', { name: 'echo', arguments: { text: 5 } }),
  request('call, arguments missing', 'tools/call', { name: 'echo' }),
  request('call, arguments that are no object', 'tools/call', { name: 'echo', arguments: [1] }),
  request('call, unknown tool', 'tools/call', { name: 'nobody' }),
  request('call without a name', 'tools/call', { arguments: {} }, 'sessions'),
  request('list prompts', 'prompts/list'),
  request('get prompt', 'prompts/get', { name: 'greet', arguments: { who: 'anna' } }),
  request('get prompt, argument missing', 'prompts/get', { name: 'greet', arguments: {} }),
  request('get prompt, unknown', 'prompts/get', { name: 'nobody' }),
  request('list resources', 'resources/list'),
  request('list templates', 'resources/templates/list'),
  request('read', 'resources/read', { uri: 'ref://note' }),
  request('read by template', 'resources/read', { uri: 'ref://items/7' }),
  request('read, unknown', 'resources/read', { uri: 'ref://nothing' }),
  request('read without uri', 'resources/read', {}, 'sessions'),
  request('complete prompt', 'completion/complete', { ref: prompt, argument: { name: 'who', value: 'an' } }),
  request('complete template', 'completion/complete', {
    ref: template,
    argument: { name: 'id', value: 'b' },
  }),
  request('complete, unknown argument', 'completion/complete', {
    ref: prompt,
    argument: { name: 'what', value: '' },
  }),
  request('complete, unknown prompt', 'completion/complete', {
    ref: { ...prompt, name: 'nobody' },
    argument: { name: 'who', value: '' },
  }),
  request('complete without argument', 'completion/complete', { ref: prompt }),
  request('set level', 'logging/setLevel', { level: 'warning' }, 'sessions'),
  request('set level, unknown', 'logging/setLevel', { level: 'loud' }, 'sessions'),
  request('unknown method', 'no/such'),
  request("the other era's method", 'initialize', {}, 'modern'),
  request("the other era's ping", 'ping', {}, 'modern'),
  request("the other era's discover", 'server/discover', {}, 'sessions'),
  malformed('no JSON', '{oops'),
  malformed('no message', '5'),
  malformed('no version', { id: 'm1', method: 'ping', jsonrpc: undefined }),
  malformed('no method', { id: 'm2' }),
  malformed('params that are no object', { id: 'm3', method: 'ping', params: 'x' }),
  malformed('an id that is none', '{"jsonrpc":"2.0","id":{},"method":"ping"}'),
  malformed('an empty batch', '[]'),
  malformed('an unknown notification', { id: undefined, method: 'notifications/nothing' }),
  malformed('the cancellation of nothing', {
    id: undefined,
    method: 'notifications/cancelled',
    params: { requestId: 'x' },
  }),
  malformed('a response to nothing', '{"jsonrpc":"2.0","id":99999,"result":{}}'),
];
