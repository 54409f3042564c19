import { Injectable } from '@nestjs/common';
import { Configuration } from '../../config/configuration.js';
import type { JsonObject } from '../../platform/json.js';
import { requirePermission } from '../actor.js';
import { AgentTokens, TOKEN_LIFETIME, type Issued } from '../agents/agent-tokens.service.js';
import { BridgeClient } from '../bridge/bridge-client.service.js';
import { SessionSubscriptions } from '../delivery/session-subscriptions.service.js';
import { SessionPresence } from '../presence.service.js';
import { isoOf } from '../session-json.js';
import { SessionStore } from '../session-store.js';
import { guidanceFor } from './guidance.js';
import { text, textOrNull, type ToolHandler } from './tool-handler.js';

/** What the tools about tokens, guidance and the service itself do. */
@Injectable()
export class SupportToolHandlers {
  constructor(
    private readonly tokens: AgentTokens,
    private readonly store: SessionStore,
    private readonly subscriptions: SessionSubscriptions,
    private readonly presence: SessionPresence,
    private readonly bridge: BridgeClient,
    private readonly configuration: Configuration,
  ) {}

  readonly handlers = {
    authenticate_agent: async (args, caller) => {
      const requested = args.requested_permissions as readonly string[];
      const issued = await this.tokens.issue(
        caller,
        text(args, 'agent_id'),
        text(args, 'agent_type'),
        requested,
      );
      const { agent, agentType, permissions } = issued.record;
      return { ...tokenView(issued), agent_id: agent.id, agent_type: agentType, permissions };
    },

    refresh_token: async (args, caller) => {
      const issued = await this.tokens.refresh(caller, text(args, 'current_token'));
      const expiresIn = Math.round(Math.min(TOKEN_LIFETIME, issued.record.expiresAt - issued.at));
      return { ...tokenView(issued), expires_in: expiresIn };
    },

    get_usage_guidance: async (args, caller) => {
      const token = textOrNull(args, 'auth_token');
      const actor = await this.tokens.actor(caller, token);
      const type = text(args, 'guidance_type');
      const { level, guidance, workflow } = guidanceFor(actor, type);
      return {
        access_level: level,
        agent_info: {
          agent_id: actor.agent.id,
          agent_type: actor.agentType,
          permissions: [...actor.permissions],
          expires_at: actor.expiresAt === null ? null : isoOf(actor.expiresAt),
          can_refresh: token?.startsWith('sct_') === true,
        },
        guidance,
        examples: { typical_workflow: workflow },
        guidance_type: type,
        generated_at: isoOf(Date.now() / 1000),
      };
    },

    get_performance_metrics: async (args, caller) => {
      const actor = await this.tokens.actor(caller, textOrNull(args, 'auth_token'));
      requirePermission(actor, 'admin');
      const { sessions, messages } = await this.store.counts();
      const now = isoOf(Date.now() / 1000);
      return {
        timestamp: now,
        database_backend: this.configuration.store.kind,
        database_performance: { sessions, messages, health_status: 'healthy' },
        delivery: {
          connected_viewers: this.presence.count,
          subscriptions: this.subscriptions.count,
          bridge_sent: this.bridge.sent,
          bridge_failed: this.bridge.failed,
        },
        system_info: {
          database_backend: this.configuration.store.kind,
          uptime_seconds: Math.round(process.uptime()),
          resident_memory_bytes: process.memoryUsage.rss(),
        },
        requesting_agent: actor.agent.id,
        request_timestamp: now,
      };
    },
  } satisfies Record<string, ToolHandler>;
}

function tokenView({ token, record, at }: Issued): JsonObject {
  return {
    token,
    expires_at: isoOf(record.expiresAt),
    token_type: 'Protected',
    issued_at: isoOf(at),
    token_format: 'sct_*',
  };
}
