import { randomBytes } from 'node:crypto';
import { Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { OpstreamError } from '../platform/errors/opstream-error.js';
import { BridgeClient } from './bridge/bridge-client.service.js';
import { requirePermission, type Actor } from './actor.js';
import { MessageQueue } from './message-queue.js';
import { parentNotFound, sessionNotFound } from './refusals.js';
import { SessionBus } from './session-bus.js';
import {
  metadataText,
  parseContent,
  parseMessageKey,
  parseMetadata,
  parsePurpose,
  parseSessionId,
  parseVisibility,
} from './session-draft.js';
import type { Session, SessionMessage, Visibility } from './session.js';
import { SessionStore, type Added, type MessagePage, type SessionList } from './session-store.js';
import { canSee } from './viewer.js';

export interface SessionInput {
  readonly purpose: string;
  /** An object or its JSON text. */
  readonly metadata?: unknown;
  /** Made here when it is left out. */
  readonly sessionId?: string | undefined;
}

export interface MessageInput {
  readonly content: string;
  readonly visibility?: string | undefined;
  readonly metadata?: unknown;
  readonly parentId?: number | null | undefined;
  readonly messageType?: string | undefined;
  readonly messageKey?: string | null | undefined;
}

export interface Reading {
  readonly visibility?: string | undefined;
  readonly sender?: string | undefined;
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  readonly order: 'oldest' | 'newest';
  readonly limit: number;
  readonly offset?: number | undefined;
}

/** Messages behind a place in a session's log. */
export interface NewerMessages {
  readonly messages: readonly SessionMessage[];
  readonly hasMore: boolean;
}

/** Characters of content of one page. */
const MAX_PAGE = 1024 * 1024;
/** The kind of a message that nobody named. */
const MESSAGE_TYPE = 'agent_response';
const MESSAGE_TYPES = /^[a-z][a-z0-9_.-]{0,63}$/;

/** Sessions and their messages, for every transport: who may do what, and what they see. */
@Injectable()
export class SessionsService implements OnModuleInit, BeforeApplicationShutdown {
  private readonly queue: MessageQueue;

  constructor(
    private readonly store: SessionStore,
    private readonly bus: SessionBus,
    private readonly bridge: BridgeClient,
  ) {
    this.queue = new MessageQueue(store, (added) => this.publish(added));
  }

  onModuleInit(): void {
    this.store.onRemoved = (removed) => this.bus.publishRemoved(removed);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.queue.close();
    await this.store.dispose();
  }

  /** @throws OpstreamError `forbidden`, `invalid_input`, `session_exists`, `too_many_sessions` and what metadata may be */
  async create(actor: Actor, input: SessionInput): Promise<Session> {
    requirePermission(actor, 'write');
    const session = {
      tenant: actor.tenant,
      sessionId:
        input.sessionId === undefined
          ? `session_${randomBytes(8).toString('hex')}`
          : parseSessionId(input.sessionId),
      purpose: parsePurpose(input.purpose),
      createdBy: actor.agent.id,
      metadata: parseMetadata(input.metadata),
    };
    return this.store.create(session, Date.now() / 1000);
  }

  /** @throws OpstreamError `forbidden`, `session_not_found` */
  async get(actor: Actor, sessionId: string): Promise<Session> {
    requirePermission(actor, 'read');
    return known(await this.store.get(actor.tenant, sessionId), sessionId);
  }

  /** Most recently changed first. @throws OpstreamError `forbidden`, `invalid_cursor` */
  async list(actor: Actor, limit: number, cursor?: string): Promise<SessionList> {
    requirePermission(actor, 'read');
    return this.store.list(actor.tenant, limit, cursor);
  }

  /** Closes it, by its creator or an admin; it can still be read. @throws OpstreamError `forbidden`, `session_not_found` */
  async close(actor: Actor, sessionId: string): Promise<Session> {
    requirePermission(actor, 'write');
    const session = await this.get(actor, sessionId);
    if (session.createdBy !== actor.agent.id) requirePermission(actor, 'admin');
    const closed = known(await this.store.close(actor.tenant, sessionId, Date.now() / 1000), sessionId);
    this.bus.publishClosed({ tenant: actor.tenant, sessionId });
    return closed;
  }

  /**
   * Adds a message; it is stored, and its viewers are told, when this resolves.
   * @throws OpstreamError `forbidden`, `session_not_found`, `session_closed`, `invalid_visibility`, `parent_not_found`,
   * and what content and metadata may be
   */
  async add(actor: Actor, sessionId: string, input: MessageInput): Promise<Added> {
    requirePermission(actor, 'write');
    const visibility = parseVisibility(input.visibility ?? 'public');
    if (visibility === 'admin_only') requirePermission(actor, 'admin');
    const content = parseContent(input.content);
    const metadata = parseMetadata(input.metadata);
    const parentId = input.parentId ?? null;
    if (parentId !== null) await this.checkParent(actor, parentId);
    const { messageKey, messageType = MESSAGE_TYPE } = input;
    if (!MESSAGE_TYPES.test(messageType)) {
      throw new OpstreamError(
        'invalid_input',
        'A message_type has 1 to 64 lower-case letters, digits, "_", "." or "-"',
        {
          field: 'message_type',
        },
      );
    }
    const added = await this.queue.add({
      tenant: actor.tenant,
      sessionId,
      sender: actor.agent,
      senderType: actor.agentType,
      content,
      visibility,
      messageType,
      metadata: metadata === null ? null : metadataText(metadata),
      parentId,
      messageKey: messageKey === undefined || messageKey === null ? null : parseMessageKey(messageKey),
    });
    await this.bridge.pace(added.message);
    return added;
  }

  /** @throws OpstreamError `forbidden`, `session_not_found`, `invalid_visibility` */
  async messages(actor: Actor, sessionId: string, { visibility, ...reading }: Reading): Promise<MessagePage> {
    requirePermission(actor, 'read');
    const filter: Visibility | undefined = visibility === undefined ? undefined : parseVisibility(visibility);
    const query = { ...reading, viewer: actor.viewer, visibility: filter };
    return known(await this.store.find(actor.tenant, sessionId, query), sessionId);
  }

  /**
   * The oldest messages behind the one with an id, whether or not the caller sees that one; null begins at the start.
   * @throws OpstreamError `forbidden`, `session_not_found`
   */
  async newerThan(actor: Actor, sessionId: string, id: number | null, limit: number): Promise<NewerMessages> {
    requirePermission(actor, 'read');
    const { tenant, viewer } = actor;
    const after = id === null ? 0 : known(await this.store.seqAt(tenant, sessionId, id), sessionId);
    const bounds = { limit, maxBytes: MAX_PAGE };
    const page = known(await this.store.read(tenant, sessionId, viewer, after, bounds), sessionId);
    return { messages: page.events, hasMore: page.head > (page.events.at(-1)?.seq ?? page.head) };
  }

  /** A hidden parent is as unknown as one that does not exist. */
  private async checkParent(actor: Actor, parentId: number): Promise<void> {
    const parent = await this.store.message(actor.tenant, parentId);
    if (!parent || !canSee(actor.viewer, parent)) throw parentNotFound(parentId);
  }

  private publish(added: readonly Added[]): void {
    const messages: readonly SessionMessage[] = added
      .filter(({ repeated }) => !repeated)
      .map(({ message }) => message);
    if (messages.length === 0) return;
    this.bus.publish(messages);
    this.bridge.messages(messages);
  }
}

/** @throws OpstreamError `session_not_found` */
export function known<Value>(value: Value | null, sessionId: string): Value {
  if (value === null) throw sessionNotFound(sessionId);
  return value;
}
