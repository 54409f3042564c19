import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Configuration } from '../../config/configuration.js';
import type { Principal } from '../../auth/principal.js';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';

/** Seconds a caller may take to answer. */
const LIFETIME = 3600;
const MAX_STATE_LENGTH = 256 * 1024;

/**
 * The `requestState` of multi-round-trip requests. It carries the answers of earlier rounds through the client, sealed
 * for one user, tool and set of arguments, so that nothing is stored here in the meantime. With a configured secret
 * every node can read it.
 */
@Injectable()
export class RequestStateCodec {
  private readonly key: Buffer;

  constructor({ auth }: Configuration) {
    this.key =
      auth.jwtSecret === undefined
        ? randomBytes(32)
        : Buffer.from(hkdfSync('sha256', auth.jwtSecret, '', 'opstream mcp request state', 32));
  }

  seal(principal: Principal, name: string, args: Params, answers: Params): string {
    const body = Buffer.from(
      JSON.stringify({ for: subject(principal, name, args), until: now() + LIFETIME, answers }),
    ).toString('base64url');
    return `${body}.${this.sign(body)}`;
  }

  /** The answers of earlier rounds. @throws RpcError `invalidParams` unless it was sealed here, for this call */
  open(state: unknown, principal: Principal, name: string, args: Params): Params {
    if (state === undefined) return {};
    const [body, signature, ...rest] =
      typeof state === 'string' && state.length <= MAX_STATE_LENGTH ? state.split('.') : [];
    if (body === undefined || signature === undefined || rest.length > 0 || !this.matches(body, signature)) {
      throw new RpcError(RPC.invalidParams, 'requestState was not issued by this server');
    }
    const sealed: unknown = JSON.parse(Buffer.from(body, 'base64url').toString());
    if (!isObject(sealed) || sealed.for !== subject(principal, name, args)) {
      throw new RpcError(RPC.invalidParams, 'requestState belongs to another request');
    }
    if (!(Number(sealed.until) > now())) throw new RpcError(RPC.invalidParams, 'requestState has expired');
    return isObject(sealed.answers) ? sealed.answers : {};
  }

  private sign(body: string): string {
    return createHmac('sha256', this.key).update(body).digest('base64url');
  }

  private matches(body: string, signature: string): boolean {
    const expected = Buffer.from(this.sign(body));
    const given = Buffer.from(signature);
    return expected.length === given.length && timingSafeEqual(expected, given);
  }
}

function subject({ tenant, userId }: Principal, name: string, args: Params): string {
  return createHash('sha256')
    .update(JSON.stringify([tenant, userId, name, args]))
    .digest('base64url');
}

function now(): number {
  return Date.now() / 1000;
}
