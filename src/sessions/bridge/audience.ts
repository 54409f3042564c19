import { ANONYMOUS } from '../../auth/principal.js';
import { isJsonObject, type JsonObject } from '../../platform/json.js';
import { VISIBILITIES } from '../session.js';
import type { Restricted } from '../viewer.js';

/** What one end of a bridge tells the other beside the body, so that the right viewers in the right tenant are told. */
export interface BridgeContext extends Restricted {
  readonly tenant: string;
  /** The process that sends it: what it hears from itself it has told its viewers already. */
  readonly instance: string;
  /** The JSON text that goes before the body. */
  readonly update: string;
}

/** Several announcements of one session in one request, between two services of this kind. */
export interface BridgeBatch {
  readonly announcements: readonly { readonly context: BridgeContext; readonly body: JsonObject }[];
}

/** A request that carries a batch, and an answer of a service that takes one. */
export const BATCH_HEADER = 'x-opstream-bridge-batch';
export const CONTEXT_HEADER = 'x-opstream-bridge-context';
export const SECRET_HEADER = 'x-opstream-bridge-secret';

const KNOWN: ReadonlySet<unknown> = new Set([...VISIBILITIES, 'own']);

export function encodeContext(context: BridgeContext): string {
  return Buffer.from(JSON.stringify(context)).toString('base64url');
}

/** Undefined for what is none: another program's header is not ours to understand. */
export function decodeContext(header: unknown): BridgeContext | undefined {
  if (typeof header !== 'string') return undefined;
  try {
    return contextOf(JSON.parse(Buffer.from(header, 'base64url').toString()));
  } catch {
    return undefined;
  }
}

/** The announcements of a batch; undefined when one of them is none, or of another tenant than the request. */
export function batchOf({ announcements }: JsonObject, tenant: string): BridgeBatch | undefined {
  if (!Array.isArray(announcements)) return undefined;
  const read = (announcements as readonly unknown[]).map((each) => {
    if (!isJsonObject(each) || !isJsonObject(each.body)) return undefined;
    const context = contextOf(each.context);
    return context?.tenant === tenant ? { context, body: each.body } : undefined;
  });
  const known = read.filter((each) => each !== undefined);
  return known.length === read.length ? { announcements: known } : undefined;
}

function contextOf(parsed: unknown): BridgeContext | undefined {
  if (!isJsonObject(parsed)) return undefined;
  const { tenant, instance, update, visibility, sender } = parsed;
  const texts = [tenant, instance, update].every((text) => typeof text === 'string');
  if (!texts || !KNOWN.has(visibility) || !isJsonObject(sender)) return undefined;
  if (typeof sender.id !== 'string' || typeof sender.owner !== 'string') return undefined;
  return parsed as unknown as BridgeContext;
}

/** Who may see what another program announces, as far as the body says. */
export function audienceOf({ type, data }: JsonObject): Restricted {
  const nobody = { id: '', owner: ANONYMOUS };
  if (!isJsonObject(data)) return { visibility: 'public', sender: nobody };
  if (type === 'memory_update' && typeof data.agent_id === 'string') {
    return { visibility: 'own', sender: { id: data.agent_id, owner: ANONYMOUS } };
  }
  const visibility = VISIBILITIES.find((known) => known === data.visibility);
  if (type !== 'new_message' || visibility === undefined) return { visibility: 'public', sender: nobody };
  const id = typeof data.sender === 'string' ? data.sender : '';
  return { visibility, sender: { id, owner: ANONYMOUS } };
}
