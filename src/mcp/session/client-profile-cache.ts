import { isObject, type Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import type { ToolSession } from '../tools/tool-context.js';

/** What a client announces when it begins a session. */
export interface ClientProfile {
  readonly capabilities: Params;
  readonly clientInfo: ToolSession['clientInfo'];
}

/** Characters of capabilities kept per session. */
const MAX_CAPABILITIES = 8192;
/** Maximum cached profiles; the newest are kept. */
const MAX_PROFILES = 256;

/** There are few kinds of clients and many sessions: identical clients share one frozen profile. */
export class ClientProfileCache {
  private readonly known = new Map<string, ClientProfile>();

  /** @throws RpcError for capabilities that are unreasonably large */
  of(initialize: Params): ClientProfile {
    const capabilities = isObject(initialize.capabilities) ? initialize.capabilities : {};
    if (JSON.stringify(capabilities).length > MAX_CAPABILITIES) {
      throw new RpcError(RPC.invalidParams, `capabilities may have ${MAX_CAPABILITIES} characters`);
    }
    const key = JSON.stringify([capabilities, readClientInfo(initialize.clientInfo)]);
    return this.known.get(key) ?? this.remember(key);
  }

  private remember(key: string): ClientProfile {
    // The parsed copy is not shared with anyone.
    const [capabilities, clientInfo] = freeze(JSON.parse(key)) as [
      Params,
      ClientProfile['clientInfo'] | null,
    ];
    const profile = { capabilities, clientInfo: clientInfo ?? undefined };
    if (this.known.size >= MAX_PROFILES) this.known.delete(this.known.keys().next().value!);
    this.known.set(key, profile);
    return profile;
  }
}

/** Keeps only what tools can see, with bounds. */
function readClientInfo(value: unknown): ToolSession['clientInfo'] {
  if (!isObject(value) || typeof value.name !== 'string') return undefined;
  const version = typeof value.version === 'string' ? value.version : '';
  return { name: value.name.slice(0, 200), version: version.slice(0, 100) };
}

/** A message's depth limit bounds the recursion. */
function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
