import type { ServerResponse } from 'node:http';
import type { Principal } from '../../../auth/principal.js';
import { ValidityWatch } from '../../../auth/validity-watch.js';

/** An open response ends with the credential that opened it, and so does what the reader waits for. */
export function whileValid(principal: Principal, response: ServerResponse): void {
  if (principal.expiresAt === undefined && principal.revoked === undefined) return;
  const validity = new ValidityWatch(() => response.destroy());
  validity.watch(principal);
  response.once('close', () => validity.stop());
}
