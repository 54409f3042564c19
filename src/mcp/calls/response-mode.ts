import type { RequestContext } from '../session/request-context.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { declaresTasks, tasksMissing } from './tasks-extension.js';
import type { ToolDefinition } from '../tools/tool-definition.js';

/** How a call is answered: with its result, with a task at once, or with a task unless it ends quickly. */
export type ResponseMode = 'result' | 'task' | 'either';

/** @throws RpcError when tool and caller disagree about tasks */
export function responseModeOf(
  tool: ToolDefinition,
  { era, revision, params, meta, capabilities }: RequestContext,
): ResponseMode {
  if (era === 'legacy') {
    // Tasks came with 2025-11-25; before that, the member has no meaning.
    const wanted = revision >= '2025-11-25' && params.task !== undefined;
    if (wanted && tool.taskSupport === 'forbidden') {
      throw new RpcError(RPC.methodNotFound, `Tool ${tool.name} cannot be called as a task`);
    }
    if (!wanted && tool.taskSupport === 'required') {
      throw new RpcError(RPC.methodNotFound, `Tool ${tool.name} must be called as a task`);
    }
    return wanted ? 'task' : 'result';
  }
  if (tool.taskSupport === 'forbidden') return 'result';
  if (declaresTasks(capabilities)) {
    if (tool.taskSupport === 'required') return 'task';
    // Tasks carry no progress: a caller that asks for it wants the call itself.
    return meta.progressToken === undefined ? 'either' : 'result';
  }
  if (tool.taskSupport === 'required') throw tasksMissing();
  return 'result';
}
