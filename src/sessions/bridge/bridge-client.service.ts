import http from 'node:http';
import https from 'node:https';
import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { DEFAULT_TENANT } from '../../auth/principal.js';
import { Configuration } from '../../config/configuration.js';
import { newMessage, sessionUpdate } from '../session-json.js';
import type { SessionKey, SessionMessage } from '../session.js';
import type { Announcement } from '../session-bus.js';
import type { Restricted } from '../viewer.js';
import {
  BATCH_HEADER,
  CONTEXT_HEADER,
  encodeContext,
  SECRET_HEADER,
  type BridgeContext,
} from './audience.js';

/** The whole of one announcement, however it goes. */
const TIMEOUT_MS = 2000;
/** Announcements of one session that wait; beyond it the newest are given up. */
const MAX_WAITING = 1000;
/** How long adding a message waits for its announcement, so that a fast writer does not outrun a bridge. */
const PACE_MS = 50;
/** Announcements of one request, and what they may say together. */
const MAX_BATCH = 64;
const MAX_BATCH_CHARACTERS = 128 * 1024;
/** A service that does not know batches, having taken the place of one that does, shows one to nobody. */
const FOR_NOBODY = { visibility: 'own', sender: { id: '', owner: '' } } as const;
/** Characters of an answer that are read. */
const MAX_ANSWER = 64 * 1024;

interface Outgoing extends Restricted {
  readonly tenant: string;
  readonly update: string;
  readonly body: string;
  /** It was taken, or given up. */
  settled?: () => void;
}

/**
 * Tells another service, which holds the sockets, what happens in sessions here. Nothing waits for it and nothing fails
 * by it: a message is stored already, and who missed its announcement reads it.
 */
@Injectable()
export class BridgeClient implements BeforeApplicationShutdown {
  /** Tells this process's own announcements from others, should they come back to it. */
  readonly instance = randomUUID();
  sent = 0;
  failed = 0;
  private readonly logger = new Logger('Bridge');
  private readonly url: URL | undefined;
  private readonly secret: string | undefined;
  private readonly agent: http.Agent | undefined;
  /** By session, so that its announcements arrive in order. */
  private readonly waiting = new Map<string, Outgoing[]>();
  private readonly deliveries = new Set<Promise<void>>();
  private readonly announced = new WeakMap<SessionMessage, Promise<void>>();
  /** The last announcement was not taken: nobody waits for the next one. */
  private failing = false;
  /** The other end is a service of this kind, as it said with its last answer. */
  private takesBatches = false;

  constructor({ sessions }: Configuration) {
    this.secret = sessions.bridgeSecret;
    if (sessions.bridgeUrl === undefined) return;
    this.url = new URL(`${sessions.bridgeUrl}/`);
    const options = { keepAlive: true, maxSockets: 8 };
    this.agent = this.url.protocol === 'https:' ? new https.Agent(options) : new http.Agent(options);
  }

  /** What is under way has its time; what waits behind it is given up. */
  async beforeApplicationShutdown(): Promise<void> {
    for (const queue of this.waiting.values()) queue.length = Math.min(queue.length, 1);
    await Promise.all(this.deliveries);
    this.agent?.destroy();
  }

  messages(messages: readonly SessionMessage[]): void {
    if (!this.url) return;
    for (const message of messages) {
      const { tenant, sessionId, visibility, sender, timestamp } = message;
      const outgoing: Outgoing = {
        tenant,
        visibility,
        sender,
        update: sessionUpdate(sessionId, sender.id, timestamp),
        body: newMessage(message, false),
      };
      if (!this.failing) {
        this.announced.set(message, new Promise((resolve) => (outgoing.settled = resolve)));
      }
      this.post(message, outgoing);
    }
  }

  /** Resolves when a message was announced, or a moment later. */
  async pace(message: SessionMessage): Promise<void> {
    const announced = this.announced.get(message);
    if (!announced) return;
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => (timer = setTimeout(resolve, PACE_MS)));
    await Promise.race([announced, enough]);
    clearTimeout(timer);
  }

  /** @param announcement its last text is the event, the one before it the session's update */
  announcement(announcement: Announcement): void {
    const [update, body] = announcement.texts;
    if (!this.url || update === undefined || body === undefined) return;
    const { tenant, visibility, sender } = announcement;
    this.post(announcement, { tenant, visibility, sender, update, body });
  }

  private post({ tenant, sessionId }: SessionKey, outgoing: Outgoing): void {
    // Without a secret the other end takes everything for its default tenant's.
    if (tenant !== DEFAULT_TENANT && this.secret === undefined) return outgoing.settled?.();
    const key = JSON.stringify([tenant, sessionId]);
    const queue = this.waiting.get(key);
    if (queue) {
      if (queue.length < MAX_WAITING) queue.push(outgoing);
      else {
        this.fail(new Error('too many announcements wait'));
        outgoing.settled?.();
      }
      return;
    }
    const started = [outgoing];
    this.waiting.set(key, started);
    const delivery = this.drain(sessionId, started).finally(() => {
      this.waiting.delete(key);
      this.deliveries.delete(delivery);
    });
    this.deliveries.add(delivery);
  }

  private async drain(sessionId: string, queue: Outgoing[]): Promise<void> {
    while (queue.length > 0) {
      const group = this.takesBatches ? batchFrom(queue) : queue.slice(0, 1);
      try {
        await this.send(sessionId, group);
        this.sent += group.length;
        this.failing = false;
        this.logger.debug(`WebSocket broadcast triggered for session ${sessionId}`);
      } catch (thrown) {
        this.fail(thrown, group.length);
      }
      queue.splice(0, group.length);
      for (const { settled } of group) settled?.();
    }
  }

  private fail(thrown: unknown, count = 1): void {
    this.failed += count;
    this.failing = true;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    this.logger.debug(`WebSocket broadcast failed (non-critical): ${reason}`);
  }

  private async send(sessionId: string, group: readonly Outgoing[]): Promise<void> {
    const [first] = group;
    if (!first) return;
    const isBatch = group.length > 1;
    const body = isBatch ? this.batchText(group) : first.body;
    const answer = await this.request(`broadcast/${encodeURIComponent(sessionId)}`, body, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      [CONTEXT_HEADER]: encodeContext({ ...this.contextOf(first), ...(isBatch && FOR_NOBODY) }),
      ...(isBatch && { [BATCH_HEADER]: String(group.length) }),
      ...(this.secret !== undefined && { [SECRET_HEADER]: this.secret }),
    });
    const { success, error } = JSON.parse(answer) as { success?: unknown; error?: unknown };
    if (success !== true) throw new Error(`the other end says ${String(error).slice(0, 200)}`);
  }

  private contextOf({ tenant, visibility, sender, update }: Outgoing): BridgeContext {
    return { tenant, visibility, sender, update, instance: this.instance };
  }

  private batchText(group: readonly Outgoing[]): string {
    const announcements = group.map(
      (each) => `{"context":${JSON.stringify(this.contextOf(each))},"body":${each.body}}`,
    );
    return `{"announcements":[${announcements.join(',')}]}`;
  }

  /** @throws Error for a failure to connect, no answer in time, and every status but 2xx, redirects included */
  private request(path: string, body: string, headers: http.OutgoingHttpHeaders): Promise<string> {
    const { request } = this.url!.protocol === 'https:' ? https : http;
    const options = { method: 'POST', headers, agent: this.agent!, signal: AbortSignal.timeout(TIMEOUT_MS) };
    return new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, this.url), options, (response) => {
        this.takesBatches = response.headers[BATCH_HEADER] !== undefined;
        readAnswer(response).then(resolve, reject);
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  }
}

/** What waits, as far as it goes into one request. */
function batchFrom(queue: readonly Outgoing[]): readonly Outgoing[] {
  let characters = 0;
  const tooMuch = queue.findIndex(({ body }, index) => {
    characters += body.length;
    return index >= MAX_BATCH || (index > 0 && characters > MAX_BATCH_CHARACTERS);
  });
  return queue.slice(0, tooMuch < 0 ? queue.length : tooMuch);
}

/** @throws Error for every status but 2xx, and for an answer that is too long or breaks off */
async function readAnswer(response: http.IncomingMessage): Promise<string> {
  const { statusCode = 0 } = response;
  let answer = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    answer += chunk;
    if (answer.length > MAX_ANSWER) throw new Error('the answer is too long');
  }
  if (statusCode < 200 || statusCode >= 300) throw new Error(`HTTP ${statusCode}`);
  return answer;
}
