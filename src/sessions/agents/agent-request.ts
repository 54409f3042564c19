import { isJsonObject, parseJson, type JsonObject } from '../../platform/json.js';

/** JSON-RPC's codes, which agents' libraries know. */
export const FAULT = {
  notJson: -32700,
  notARequest: -32600,
  unknownMethod: -32601,
  invalidParams: -32602,
  refused: -32000,
} as const;

/** What is wrong with a request, in the form of its answer. */
export class RequestFault extends Error {
  /** @param reason a code of the error catalogue, where it has one */
  constructor(
    readonly code: (typeof FAULT)[keyof typeof FAULT],
    message: string,
    readonly reason?: string,
  ) {
    super(message);
  }
}

export interface AgentRequest {
  readonly name: string;
  readonly params: JsonObject;
  /** Undefined: the answer is the bare result. */
  readonly id: string | number | undefined;
  /** The request says that it is JSON-RPC, and so does its answer. */
  readonly isRpc: boolean;
}

/**
 * Reads one frame. A request is `{"id", "method", "params"}`, or shorter `{"type", …params}`; tool paths such as
 * `/tools/subscribe` name the same methods.
 * @throws RequestFault
 */
export function parseAgentRequest(frame: Buffer, isBinary: boolean): AgentRequest {
  if (isBinary) throw new RequestFault(FAULT.notARequest, 'A request must be a text frame');
  const input = parsed(frame.toString());
  if (!isJsonObject(input)) throw new RequestFault(FAULT.notARequest, 'A request must be a JSON object');
  const { id, method, type, params = {}, jsonrpc, ...members } = input;
  const name = method ?? type;
  if (typeof name !== 'string') throw new RequestFault(FAULT.notARequest, 'A request needs a method');
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') {
    throw new RequestFault(FAULT.notARequest, 'An id must be a string or a number');
  }
  if (!isJsonObject(params)) throw new RequestFault(FAULT.invalidParams, 'params must be an object');
  return {
    name: name.replace(/^\/tools\//, ''),
    params: { ...members, ...params },
    id: id ?? undefined,
    isRpc: jsonrpc !== undefined,
  };
}

/** The answer to a request; undefined where JSON-RPC wants none. */
export function resultText({ id, isRpc }: AgentRequest, result: object): string | undefined {
  if (id === undefined) return isRpc ? undefined : JSON.stringify(result);
  return JSON.stringify({ ...(isRpc && { jsonrpc: '2.0' }), id, result });
}

export function faultText(request: AgentRequest | undefined, fault: RequestFault): string {
  const { code, message, reason } = fault;
  return JSON.stringify({
    ...(request?.isRpc === true && { jsonrpc: '2.0' }),
    ...(request?.id !== undefined && { id: request.id }),
    error: { code, message, ...(reason !== undefined && { data: { code: reason } }) },
  });
}

/** The text of a parameter. @throws RequestFault */
export function textParam(params: JsonObject, name: string, fallback: string): string {
  const value = params[name] ?? fallback;
  if (typeof value === 'string') return value;
  throw new RequestFault(FAULT.invalidParams, `${name} must be a string`);
}

/** A whole number, also as text; undefined when it is left out or null. @throws RequestFault */
export function countParam(params: JsonObject, name: string): number | undefined {
  const value = params[name] ?? undefined;
  if (value === undefined) return undefined;
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw new RequestFault(FAULT.invalidParams, `${name} must be a whole number from 0`);
}

/** @throws RequestFault */
function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    // Viewers' sockets take the bare word, and agents may be written for both.
    if (text === 'ping') return { type: 'ping' };
    throw new RequestFault(FAULT.notJson, 'Invalid JSON');
  }
}
