import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { isJsonObject, parseJson, type JsonObject } from '../../platform/json.js';

export interface InvalidBodyDetail {
  readonly type: 'dict_type' | 'json_invalid' | 'missing';
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input: unknown;
}

/** The answer to a body that is not an object, in the form that clients of FastAPI know. */
export interface InvalidBody {
  readonly detail: readonly InvalidBodyDetail[];
}

type Announced = { readonly object: JsonObject } | { readonly invalid: InvalidBody };

/** The body's text and what it was said to be. */
class RawBody {
  constructor(
    readonly text: string,
    readonly contentType: string | undefined,
  ) {}
}

const RAW_TYPE = 'application/x-opstream-announcement';
const DECLARED = Symbol('declared content type');
const MAX_BYTES = 1024 * 1024;

/** Leaves the bodies of announcements as text: their content types and faults are answered in words of their own. */
@Injectable()
export class BroadcastBody implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  /** A host application on Express reads bodies itself, and answers for faulty ones. */
  onModuleInit(): void {
    const { httpAdapter } = this.host;
    if (httpAdapter?.getType() !== 'fastify') return;
    const fastify = httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onRequest', (request, _reply, done) => {
      if (request.method === 'POST' && /^\/broadcast\/[^/?]/.test(request.url)) {
        const { headers } = request.raw;
        Object.assign(request.raw, { [DECLARED]: headers['content-type'] });
        headers['content-type'] = RAW_TYPE;
      }
      done();
    });
    fastify.addContentTypeParser(
      RAW_TYPE,
      { parseAs: 'string', bodyLimit: MAX_BYTES },
      (request, text, done) => {
        const declared = (request.raw as { [DECLARED]?: string })[DECLARED];
        done(null, new RawBody(text as string, declared));
      },
    );
  }
}

/** The object that is announced, or what to answer instead. */
export function readAnnouncement(body: unknown): Announced {
  if (!(body instanceof RawBody)) return fromValue(body ?? null);
  const { text, contentType } = body;
  if (text === '') return invalid('missing', 'Field required', null);
  if (contentType !== undefined && !/^application\/([\w.+-]+\+)?json\b/i.test(contentType)) {
    return invalid('dict_type', 'Input should be a valid dictionary', text.slice(0, 1000));
  }
  try {
    return fromValue(parseJson(text));
  } catch {
    return invalid('json_invalid', 'JSON decode error', {}, ['body', 0]);
  }
}

function fromValue(value: unknown): Announced {
  if (isJsonObject(value)) return { object: value };
  if (value === null) return invalid('missing', 'Field required', null);
  return invalid('dict_type', 'Input should be a valid dictionary', value);
}

function invalid(
  type: InvalidBodyDetail['type'],
  msg: string,
  input: unknown,
  loc: InvalidBodyDetail['loc'] = ['body'],
): Announced {
  return { invalid: { detail: [{ type, loc, msg, input }] } };
}
