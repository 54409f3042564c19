import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { RPC, RpcError } from '../../../src/mcp/protocol/rpc-error.js';
import type { ToolContext } from '../../../src/mcp/tools/tool-context.js';
import { Tool } from '../../../src/mcp/tools/tool.decorator.js';
import { UserError } from '../../../src/mcp/tools/user-error.js';
import { form } from './samples.js';

const CONFIRM = { confirm: { type: 'boolean' } };

/** The tools of the official conformance suite that run as tasks. */
@Injectable()
export class TaskTools {
  @Tool({
    scope: null,
    name: 'slow_compute',
    description: 'Takes its time',
    parameters: z.object({ seconds: z.number(), label: z.string().optional() }),
  })
  async slowCompute({ seconds }: { seconds: number }, { signal }: ToolContext): Promise<string> {
    await delay(seconds * 1000, undefined, { signal });
    return `Computed for ${seconds} s`;
  }

  @Tool({ scope: null, name: 'failing_job', description: 'Fails as a task', taskSupport: 'required' })
  failingJob(): never {
    throw new UserError('The job failed');
  }

  @Tool({
    scope: null,
    name: 'protocol_error_job',
    description: 'Fails in the protocol',
    taskSupport: 'required',
  })
  protocolErrorJob(): never {
    throw new RpcError(RPC.internalError, 'The job broke');
  }

  @Tool({
    scope: null,
    name: 'confirm_delete',
    description: 'Asks before it deletes',
    parameters: z.object({ filename: z.string() }),
  })
  async confirmDelete({ filename }: { filename: string }, { requestInput }: ToolContext): Promise<string> {
    const { confirm } = await requestInput({ confirm: form(`Delete ${filename}?`, CONFIRM) });
    return confirm.action === 'accept' ? `Deleted ${filename}` : 'Kept';
  }

  @Tool({ scope: null, name: 'multi_input', description: 'Asks two things at once' })
  async multiInput(_args: object, { requestInput }: ToolContext): Promise<string> {
    const answers = await requestInput({ first: form('First?', CONFIRM), second: form('Second?', CONFIRM) });
    return JSON.stringify(answers);
  }

  @Tool({
    scope: null,
    name: 'test_tool_with_task',
    description: 'Asks, then works as a task',
    taskSupport: 'required',
  })
  async withTask(_args: object, { requestInput }: ToolContext): Promise<string> {
    const { user_name } = await requestInput(
      { user_name: form('What is your name?', { name: { type: 'string' } }) },
      { beforeTask: true },
    );
    await delay(100);
    return `Hello, ${String(user_name.content?.name)}!`;
  }
}
