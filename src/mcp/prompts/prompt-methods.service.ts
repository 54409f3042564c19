import { Injectable } from '@nestjs/common';
import { InputRequester, InputRequiredError } from '../calls/input-requester.js';
import { RequestStateCodec } from '../calls/request-state-codec.js';
import { PagedList } from '../registry/paged-list.js';
import type { EncodedResult } from '../protocol/result.js';
import type { RequestContext } from '../session/request-context.js';
import { objectAt, stringAt, withoutNulls, type Params } from '../protocol/json-rpc.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { ResourceRegistry } from '../resources/resource-registry.js';
import type { ArgumentOptions } from '../resources/resource.decorator.js';
import { UserError } from '../tools/user-error.js';
import type { PromptContext } from './prompt.decorator.js';
import { PromptRegistry } from './prompt-registry.js';

/** Maximum values of one completion, as the protocol defines. */
const MAX_COMPLETIONS = 100;

/** `prompts/*`, and `completion/complete` for the arguments of prompts and resource templates. */
@Injectable()
export class PromptMethods {
  private readonly prompts;

  constructor(
    private readonly registry: PromptRegistry,
    private readonly resources: ResourceRegistry,
    private readonly states: RequestStateCodec,
  ) {
    this.prompts = new PagedList('prompts/list', 'prompts', registry, ({ options }) => ({
      ...options,
      ...(options.arguments && {
        arguments: options.arguments.map(({ complete: _complete, ...argument }) => argument),
      }),
    }));
  }

  list(exchange: RequestContext): EncodedResult {
    return this.prompts.read(exchange);
  }

  /** @throws RpcError `invalidParams` for an unknown prompt or a missing argument */
  async get(exchange: RequestContext): Promise<Params> {
    const { params, principal, cancellation } = exchange;
    const name = stringAt(params, 'name');
    const prompt = this.registry.get(name);
    if (!prompt) throw new RpcError(RPC.invalidParams, `Unknown prompt: ${name.slice(0, 200)}`);
    const args = stringsOf(objectAt(params, 'arguments'));
    for (const { name: argument, required } of prompt.options.arguments ?? []) {
      if (required && args[argument] === undefined) {
        throw new RpcError(RPC.invalidParams, `Prompt ${name} needs the argument ${argument}`);
      }
    }
    const inputs = new InputRequester(exchange, name, args, this.states);
    const context: PromptContext = {
      principal,
      signal: cancellation.signal,
      requestInput: ((requests, options = {}) =>
        inputs.ask(requests, options, undefined)) as PromptContext['requestInput'],
    };
    try {
      const loaded = await prompt.load(args, context);
      const messages =
        typeof loaded === 'string' ? [{ role: 'user', content: { type: 'text', text: loaded } }] : loaded;
      const { description } = prompt.options;
      return { ...(description !== undefined && { description }), messages };
    } catch (error) {
      if (error instanceof InputRequiredError) return error.toResult();
      if (error instanceof UserError) throw new RpcError(RPC.serverError, error.message);
      throw error;
    }
  }

  /** @throws RpcError `invalidParams` for a reference to nothing */
  async complete({ params, principal, cancellation }: RequestContext): Promise<Params> {
    const argument = objectAt(params, 'argument');
    const name = stringAt(argument, 'name');
    const options = this.argumentsOf(objectAt(params, 'ref')).find((candidate) => candidate.name === name);
    const others = stringsOf(objectAt(objectAt(params, 'context'), 'arguments'));
    const context = { principal, signal: cancellation.signal };
    const values = (await options?.complete?.(stringAt(argument, 'value'), others, context)) ?? [];
    return {
      completion: {
        values: values.slice(0, MAX_COMPLETIONS),
        total: values.length,
        hasMore: values.length > MAX_COMPLETIONS,
      },
    };
  }

  private argumentsOf(ref: Params): readonly ArgumentOptions[] {
    if (ref.type === 'ref/prompt') {
      const prompt = this.registry.get(stringAt(ref, 'name'));
      if (prompt) return prompt.options.arguments ?? [];
    } else if (ref.type === 'ref/resource') {
      const uri = stringAt(ref, 'uri');
      const template = this.resources.templates.get(uri);
      if (template) return template.options.arguments ?? [];
      if (this.resources.resources.get(uri)) return [];
    }
    throw new RpcError(RPC.invalidParams, 'ref names no prompt and no resource template');
  }
}

/** Null means absent. @throws RpcError `invalidParams`: arguments of prompts are strings */
function stringsOf(params: Params): Record<string, string> {
  const given = withoutNulls(params);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'string')
      throw new RpcError(RPC.invalidParams, `${name.slice(0, 100)} must be a string`);
  }
  return given as Record<string, string>;
}
