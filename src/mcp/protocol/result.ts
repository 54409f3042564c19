import { wellFormed } from '../../platform/json.js';
import type { Params } from './json-rpc.js';
import { META, type Era } from './versions.js';
import { SERVER_INFO } from './server-info.js';

/** A result that is already JSON text. */
export class EncodedResult {
  constructor(readonly json: string) {}
}

const SIGNATURE = { [META.serverInfo]: SERVER_INFO };
const SIGNED_END = `,"_meta":${JSON.stringify(SIGNATURE)}}`;

/** A result as JSON. Those of 2026-07-28 state their kind and, as there is no handshake, the server. */
export function encodeResultOf(era: Era, result: Params): string {
  if (era === 'legacy') return wellFormed(JSON.stringify(result));
  const typed = result.resultType === undefined ? { resultType: 'complete', ...result } : result;
  if (result._meta !== undefined) {
    return wellFormed(JSON.stringify({ ...typed, _meta: { ...(result._meta as object), ...SIGNATURE } }));
  }
  // Most results have no `_meta`, and the signature is always the same text.
  return wellFormed(JSON.stringify(typed)).slice(0, -1) + SIGNED_END;
}
