import { JsonSocket, Refused } from './json-socket.js';
import type { RunningService } from './running-service.js';

/** How a caller presents itself: a token in the query, or headers. */
export interface Caller {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The first message of an MCP client of the eras with sessions. */
export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

async function status(url: string, init: RequestInit): Promise<number> {
  const aborter = new AbortController();
  const response = await fetch(url, { ...init, signal: aborter.signal });
  // Streams would go on for ever.
  aborter.abort();
  return response.status;
}

function http(path: string, init: RequestInit = {}) {
  return (service: RunningService, { token, headers }: Caller): Promise<number> =>
    status(`${service.http}${path}${token === undefined ? '' : `?token=${token}`}`, {
      ...init,
      headers: { ...(init.headers as Record<string, string>), ...headers },
    });
}

function socket(path: string) {
  return async (service: RunningService, { token, headers }: Caller): Promise<number> => {
    const url = `${service.ws}${path}${token === undefined ? '' : `?token=${token}`}`;
    try {
      (await JsonSocket.connect(url, { ...(headers && { headers }) })).terminate();
      return 101;
    } catch (error) {
      if (error instanceof Refused) return error.status;
      throw error;
    }
  };
}

/** Every way into the service; each tells with which HTTP status it answers a caller. */
export const FACES: Readonly<Record<string, (service: RunningService, caller: Caller) => Promise<number>>> = {
  'REST, reading': http('/api/stats'),
  'REST, writing': http('/api/operations', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"operation_type":"t"}',
  }),
  SSE: http('/api/stream'),
  'MCP over HTTP': http('/mcp', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify(INITIALIZE),
  }),
  hub: socket('/hub'),
  'hub, old address': socket('/'),
  agents: socket('/agents'),
  'MCP over WebSocket': socket('/mcp'),
  'MCP over WebSocket, old address': socket('/ws'),
};

/** The faces with the statuses they answer with. */
export async function statusesOf(service: RunningService, caller: Caller): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  for (const [name, face] of Object.entries(FACES)) statuses[name] = await face(service, caller);
  return statuses;
}

export function everyFace(status: number): Record<string, number> {
  return Object.fromEntries(Object.keys(FACES).map((name) => [name, status]));
}
