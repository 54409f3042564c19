import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Principal } from '../../auth/principal.js';
import { Configuration } from '../../config/configuration.js';
import { Resource, ResourceTemplate, type ResourceContents } from '../../mcp/resources/resource.decorator.js';
import { ResourceRegistry } from '../../mcp/resources/resource-registry.js';
import { ResourceSubscriptions } from '../../mcp/resources/resource-subscriptions.service.js';
import type { LoadContext } from '../../mcp/tools/tool-context.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { parseJson, type JsonObject } from '../../platform/json.js';
import { VERSION } from '../../platform/version.js';
import { actorOf, type Actor } from '../actor.js';
import { MemoryService } from '../memory.service.js';
import { isoOf, messageRow, sessionMetadata } from '../session-json.js';
import { VISIBILITIES, type SessionMessage } from '../session.js';
import { SessionBus } from '../session-bus.js';
import { SessionsService } from '../sessions.service.js';
import { canSee, type Restricted } from '../viewer.js';
import { SCHEMAS } from './schemas.js';
import { DESCRIPTIONS } from './session-tools.service.js';

const NEWEST = 50;
const MOST = 500;
const MAX_MEMORY = 200;
const SESSION = { name: 'session_id', description: 'Id of the session', required: true };
const ANY = { name: '_', description: 'Anything', required: true };

/** Sessions and memory as MCP resources, as the caller sees them; who watches one is told when it changes for him. */
@Injectable()
export class SessionResources implements OnModuleInit {
  private readonly open: boolean;

  constructor(
    private readonly sessions: SessionsService,
    private readonly memory: MemoryService,
    private readonly bus: SessionBus,
    private readonly registry: ResourceRegistry,
    private readonly watched: ResourceSubscriptions,
    { sessions: { visibility } }: Configuration,
  ) {
    this.open = visibility === 'open';
  }

  onModuleInit(): void {
    this.bus.messages$.subscribe((messages) => {
      if (this.watched.size === 0) return;
      for (const message of messages) {
        this.changed(`session://${message.sessionId}`, message.tenant, message);
        this.changed(`session://${message.sessionId}/messages/${NEWEST}`, message.tenant, message);
      }
    });
    this.bus.announcements$.subscribe((announcement) => {
      if (this.watched.size === 0 || announcement.visibility !== 'own') return;
      this.changed(`agent://${announcement.sender.id}/memory`, announcement.tenant, announcement);
    });
  }

  @ResourceTemplate({
    uriTemplate: 'session://{session_id}',
    name: 'Session',
    description: 'A session and its newest messages, oldest first',
    mimeType: 'application/json',
    arguments: [SESSION],
    scope: 'sessions:read',
  })
  async session(
    { session_id: id = '' }: Record<string, string>,
    context: LoadContext,
  ): Promise<ResourceContents> {
    const actor = this.actor(context);
    const session = await found(this.sessions.get(actor, id));
    const page = await this.sessions.messages(actor, id, { order: 'newest', limit: NEWEST });
    const messages = page.messages.toReversed();
    return json({
      session: {
        id,
        purpose: session.purpose,
        created_at: session.createdAt,
        updated_at: session.updatedAt,
        created_by: session.createdBy,
        is_active: session.closedAt === null,
        metadata: sessionMetadata(session) ?? {},
      },
      messages: messages.map(resourceMessage),
      statistics: {
        message_count: page.total,
        visible_message_count: page.total,
        unique_agents: new Set(messages.map(({ sender }) => sender.id)).size,
        last_activity: messages.at(-1)?.timestamp ?? null,
      },
      resource_info: info(actor),
    });
  }

  @ResourceTemplate({
    uriTemplate: 'session://{session_id}/messages/{limit}',
    name: 'Session messages',
    description: `The newest messages of a session, newest first; at most ${MOST}`,
    mimeType: 'application/json',
    arguments: [SESSION, { name: 'limit', description: `1 to ${MOST}`, required: true }],
    scope: 'sessions:read',
  })
  async messages(
    { session_id: id = '', limit = '' }: Record<string, string>,
    context: LoadContext,
  ): Promise<ResourceContents> {
    const actor = this.actor(context);
    const wanted = /^\d{1,9}$/.test(limit) && Number(limit) > 0 ? Math.min(Number(limit), MOST) : NEWEST;
    const session = await found(this.sessions.get(actor, id));
    const { messages } = await this.sessions.messages(actor, id, { order: 'newest', limit: wanted });
    return json({
      session_id: id,
      session_purpose: session.purpose,
      pagination: {
        requested_limit: wanted,
        total_messages_returned: messages.length,
        // How many others there are is nothing that the caller may know.
        messages_filtered_by_visibility: 0,
      },
      messages: messages.map(messageRow),
      metadata: {
        retrieved_at: isoOf(Date.now() / 1000),
        retrieved_by: actor.agent.id,
        resource_uri: `session://${id}/messages/${limit}`,
      },
    });
  }

  @ResourceTemplate({
    uriTemplate: 'agent://{agent_id}/memory',
    name: 'Agent memory',
    description: 'What an agent keeps, globally and in sessions; for the agent itself',
    mimeType: 'application/json',
    arguments: [{ name: 'agent_id', description: 'Name of the agent', required: true }],
    scope: 'sessions:read',
  })
  async agentMemory(
    { agent_id: id = '' }: Record<string, string>,
    context: LoadContext,
  ): Promise<ResourceContents> {
    const actor = this.actor(context);
    if (id !== actor.agent.id)
      throw new OpstreamError('forbidden', 'The memory of an agent is for the agent itself');
    const entries = await this.memory.list(actor, { scope: 'all', prefix: '', limit: MAX_MEMORY });
    const global: Record<string, JsonObject> = {};
    const sessions: Record<string, Record<string, JsonObject>> = {};
    for (const { key, sessionId, value, metadata, expiresAt, updatedAt } of entries) {
      const entry = {
        value: parseJson(value),
        metadata,
        expires_at: expiresAt,
        updated_at: isoOf(updatedAt),
      };
      if (sessionId === null) global[key] = entry;
      else (sessions[sessionId] ??= {})[key] = entry;
    }
    return json({
      agent_id: id,
      memory: { global, sessions },
      statistics: {
        global_keys: Object.keys(global).length,
        session_scopes: Object.keys(sessions).length,
        total_entries: entries.length,
      },
      resource_info: info(actor),
    });
  }

  @Resource({
    scope: null,
    uri: 'server://info',
    name: 'Server',
    description: 'What this server is and does',
    mimeType: 'application/json',
  })
  serverInfo(): ResourceContents {
    return json({
      server_info: {
        name: 'opstream',
        version: VERSION,
        description: 'Durable sessions and operations that agents and people share',
        capabilities: ['tools', 'resources', 'prompts', 'resource_templates'],
      },
      tools: { count: Object.keys(SCHEMAS).length, real_time_updates: true },
      features: { visibility_control: VISIBILITIES, websocket_support: true, resource_notifications: true },
    });
  }

  @ResourceTemplate({
    scope: null,
    uriTemplate: 'server://info/{_}',
    name: 'Server, for clients that name it with a path',
    mimeType: 'application/json',
    arguments: [ANY],
  })
  anyServerInfo(): ResourceContents {
    return this.serverInfo();
  }

  @Resource({
    scope: null,
    uri: 'docs://tools',
    name: 'Session tools',
    description: 'The tools of sessions, with their arguments',
    mimeType: 'application/json',
  })
  toolDocs(): ResourceContents {
    const tools = Object.entries(SCHEMAS).map(([name, { properties }]) => ({
      name,
      description: DESCRIPTIONS[name as keyof typeof SCHEMAS][0],
      arguments: Object.fromEntries(
        Object.entries(properties).map(([argument, { description = '' }]) => [argument, description]),
      ),
    }));
    return json({ tools_documentation: { total_tools: tools.length, tools } });
  }

  @ResourceTemplate({
    scope: null,
    uriTemplate: 'docs://tools/{_}',
    name: 'Session tools, for clients that name them with a path',
    mimeType: 'application/json',
    arguments: [ANY],
  })
  anyToolDocs(): ResourceContents {
    return this.toolDocs();
  }

  private changed(uri: string, tenant: string, restricted: Restricted): void {
    if (!this.watched.isWatched(uri)) return;
    this.registry.notifyUpdated(uri, tenant, (principal) =>
      canSee(this.actorFor(principal).viewer, restricted),
    );
  }

  private actor({ principal }: LoadContext): Actor {
    return this.actorFor(principal);
  }

  private actorFor(principal: Principal): Actor {
    return actorOf(principal, this.open);
  }
}

/** Resources have one word for what is not there. @throws OpstreamError `not_found` */
async function found<Value>(loading: Promise<Value>): Promise<Value> {
  try {
    return await loading;
  } catch (thrown) {
    if (thrown instanceof OpstreamError && thrown.code === 'session_not_found')
      throw new OpstreamError('not_found', thrown.message);
    throw thrown;
  }
}

function resourceMessage({
  id,
  sender,
  content,
  timestamp,
  visibility,
  metadata,
  parentId,
}: SessionMessage): JsonObject {
  return {
    id,
    sender: sender.id,
    content,
    timestamp,
    visibility,
    metadata: metadata === null ? {} : parseJson(metadata),
    parent_message_id: parentId,
  };
}

function info({ agent }: Actor): JsonObject {
  return { last_updated: isoOf(Date.now() / 1000), requesting_agent: agent.id, supports_subscriptions: true };
}

function json(value: JsonObject): ResourceContents {
  return { text: JSON.stringify(value) };
}
