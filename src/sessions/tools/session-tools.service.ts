import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Params } from '../../mcp/protocol/json-rpc.js';
import type { ToolAnnotations, ToolDefinition } from '../../mcp/tools/tool-definition.js';
import { defineTool } from '../../mcp/tools/tool-definition.js';
import { ToolRegistry } from '../../mcp/tools/tool-registry.js';
import type { JsonObject } from '../../platform/json.js';
import { convertArguments } from './arguments.js';
import { MemoryToolHandlers } from './memory-tool-handlers.js';
import { MessageToolHandlers } from './message-tool-handlers.js';
import { SCHEMAS, type SessionToolName } from './schemas.js';
import { SupportToolHandlers } from './support-tool-handlers.js';
import { toolFailure } from './tool-failure.js';
import type { ToolHandler } from './tool-handler.js';

const READS: ToolAnnotations = { readOnlyHint: true };
const ADDS: ToolAnnotations = { readOnlyHint: false, destructiveHint: false };

export const DESCRIPTIONS: Readonly<Record<SessionToolName, readonly [string, ToolAnnotations]>> = {
  create_session: ['Creates a session that agents and people share. Returns its session_id.', ADDS],
  get_session: ['A session and its newest messages, newest first', READS],
  add_message: [
    'Adds a message to a session. Followers who may see it get it at once. Visibility: public, private, agent_only or admin_only.',
    ADDS,
  ],
  get_messages: ['Messages of a session that the agent may see, oldest first, page by page', READS],
  search_context: [
    'Finds messages of a session that nearly say something: misspelt words are found, too. Scored from 0 to 100, best first.',
    READS,
  ],
  search_by_sender: ['The newest messages of one sender, newest first', READS],
  search_by_timerange: ['Messages of a session between two times, oldest first', READS],
  set_memory: [
    'Keeps a value under a key for the agent, in a session or globally, with optional expiry',
    { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
  ],
  get_memory: ["A value of the agent's memory", READS],
  list_memory: ["Keys of the agent's memory, last change first", READS],
  authenticate_agent: [
    'Makes a token for an agent, good for an hour. Permissions are those requested that both the agent type and the caller have.',
    ADDS,
  ],
  refresh_token: [
    "Replaces an agent's token by a new one; the old one ends",
    { readOnlyHint: false, destructiveHint: true },
  ],
  get_usage_guidance: ['What the agent may do, and how to work together', READS],
  get_performance_metrics: ['Figures of the service; for admins', READS],
};

/** Members are the tools' own; the schema of the answers says no more, as clients expect. */
const OUTPUT = { type: 'object', additionalProperties: true };

/**
 * The tools of sessions. Calls are not recorded as operations: what is private in a session would be read there, and
 * tokens are among the arguments.
 */
@Injectable()
export class SessionTools implements OnModuleInit {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly messages: MessageToolHandlers,
    private readonly memory: MemoryToolHandlers,
    private readonly support: SupportToolHandlers,
  ) {}

  onModuleInit(): void {
    const handlers: Record<SessionToolName, ToolHandler> = {
      ...this.messages.handlers,
      ...this.memory.handlers,
      ...this.support.handlers,
    };
    const names = Object.keys(SCHEMAS) as SessionToolName[];
    this.registry.add(...names.map((name) => define(name, handlers[name])));
  }
}

function define(name: SessionToolName, handler: ToolHandler): ToolDefinition {
  const schema = SCHEMAS[name];
  const [description, annotations] = DESCRIPTIONS[name];
  const tool = defineTool(
    // Each asks for the permissions that it needs itself: its answer names them.
    { name, description, parameters: schema, annotations, record: false, scope: null, set: setOf(name) },
    async (args, { principal }) => answer(await outcome(handler, args, principal)),
  );
  return {
    ...tool,
    listed: { ...tool.listed, outputSchema: OUTPUT },
    validate: (given) => convertArguments(schema, (given ?? {}) as Params),
  };
}

function setOf(name: SessionToolName): string {
  return name.endsWith('_memory') ? 'memory' : 'sessions';
}

async function outcome(handler: ToolHandler, ...call: Parameters<ToolHandler>): Promise<JsonObject> {
  try {
    return { success: true, ...(await handler(...call)) };
  } catch (thrown) {
    const failure = toolFailure(thrown);
    if (failure) return failure;
    throw thrown;
  }
}

function answer(value: JsonObject): object {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
}
