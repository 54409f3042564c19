import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { actingFor } from '../../auth/acting-principal.js';
import { UserError } from '../tools/user-error.js';
import { MAX_RESPONSE_BYTES, type EndpointCaller } from './endpoint-caller.js';
import { fetchCaller } from './fetch-caller.js';

/**
 * Calls this application's own endpoints on behalf of the tool's caller, with all guards and pipes: in process if the
 * adapter supports it (Fastify), otherwise over the loopback interface.
 * @param host value of the Host header that the application's own checks accept
 */
export function ownApiCaller(adapter: AbstractHttpAdapter, host: string): EndpointCaller {
  const caller =
    adapter.getType() === 'fastify'
      ? injectCaller(adapter.getInstance<FastifyInstance>())
      : loopbackCaller(adapter);
  return (request, call) =>
    actingFor(call.principal, (acting) =>
      caller(request, { ...call, headers: { host, ...call.headers, ...acting } }),
    );
}

function loopbackCaller(adapter: AbstractHttpAdapter): EndpointCaller {
  return (request, call) => {
    const base = loopbackAddress(adapter.getHttpServer() as Server);
    return fetchCaller({ base, addresses: 'any' })(request, call);
  };
}

function injectCaller(fastify: FastifyInstance): EndpointCaller {
  return async ({ method, target, headers, body }, call) => {
    // `inject` starts when it is awaited.
    const response = await fastify.inject({
      method: method as 'GET',
      url: target,
      headers: { ...headers, ...call.headers },
      signal: call.signal,
      ...(body !== undefined && { payload: body }),
    });
    if (response.rawPayload.length > MAX_RESPONSE_BYTES) {
      throw new UserError(`The answer has more than ${MAX_RESPONSE_BYTES} bytes`);
    }
    const contentType = response.headers['content-type'];
    return {
      status: response.statusCode,
      contentType: typeof contentType === 'string' ? contentType : '',
      body: response.rawPayload,
    };
  };
}

/** @throws UserError when the application does not listen on a port */
function loopbackAddress(server: Server): string {
  const address = server.address();
  if (typeof address !== 'object' || address === null) {
    throw new UserError('The application does not listen on a port');
  }
  const isAny = address.address === '::' || address.address === '0.0.0.0';
  const host = isAny ? '127.0.0.1' : address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${server instanceof TlsServer ? 'https' : 'http'}://${host}:${address.port}`;
}
