import {
  CreateMessageResultSchema,
  CreateMessageResultWithToolsSchema,
  ElicitResultSchema,
  ListRootsResultSchema,
} from '@modelcontextprotocol/core';
import { z } from 'zod';
import { isObject, withoutNulls, type Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { withoutOptionalNulls } from '../tools/arguments.js';
import { compileSchema, type JsonSchema, type Validate } from '../tools/json-schema.js';
import type { InputMethod, InputRequest } from '../tools/tool-context.js';
import { UserError } from '../tools/user-error.js';

const ANSWER: Record<InputMethod, z.ZodType> = {
  'elicitation/create': ElicitResultSchema,
  'sampling/createMessage': z.union([CreateMessageResultSchema, CreateMessageResultWithToolsSchema]),
  'roots/list': ListRootsResultSchema,
};

/** A tool asks with the same schema repeatedly; compiling it takes milliseconds. */
const compiled = new WeakMap<object, Validate>();

/**
 * Validates a client's answer to a question.
 * @throws RpcError `invalidParams` when it is not an answer to the method, UserError for content that does not match
 *   the request
 */
export async function readAnswer(key: string, request: InputRequest, value: unknown): Promise<unknown> {
  const given = isObject(value) ? withoutNulls(value) : value;
  const answer = isObject(given) && given.action === 'accept' ? await withContent(request, given) : given;
  const parsed = ANSWER[request.method].safeParse(answer);
  if (parsed.success) return parsed.data;
  const what = `The answer "${key.slice(0, 100)}" is not a result of ${request.method}`;
  throw new RpcError(RPC.invalidParams, what);
}

/** The content of a form, validated against its schema. @throws UserError */
async function withContent(request: InputRequest, answer: Params): Promise<Params> {
  if (request.method !== 'elicitation/create') return answer;
  const { mode, requestedSchema } = request.params;
  if (mode === 'url' || requestedSchema === undefined) return answer;
  const content = withoutOptionalNulls(isObject(answer.content) ? answer.content : {}, requestedSchema);
  const checked = await validatorOf(requestedSchema)(content);
  if ('problem' in checked) {
    throw new UserError(`The client's answer does not fit the requested schema: ${checked.problem}`);
  }
  return { ...answer, content: checked.value };
}

function validatorOf(schema: JsonSchema): Validate {
  let validate = compiled.get(schema);
  if (!validate) compiled.set(schema, (validate = compileSchema(schema, 'input').validate));
  return validate;
}
