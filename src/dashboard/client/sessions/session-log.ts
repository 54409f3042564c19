import { batch, signal } from '@preact/signals';
import type { HubClient } from '../../../client/hub/hub-client.js';
import type { SessionMessage, SharedSessionInfo } from '../../../client/protocol/session-types.js';
import type { SharedSession } from '../../../client/sessions/shared-session.js';

const PAGE = 100;

/** One session as its page sees it: the latest messages, live, and earlier ones on demand. */
export class SessionLog {
  readonly info = signal<SharedSessionInfo | undefined>(undefined);
  readonly messages = signal<readonly SessionMessage[]>([]);
  readonly earlier = signal(false);
  readonly present = signal<readonly { agent_id: string; connections: number }[]>([]);
  readonly problem = signal<string | undefined>(undefined);
  readonly session: SharedSession;
  readonly #stop = new AbortController();

  constructor(hub: HubClient, id: string) {
    this.session = hub.session(id);
    void this.#run();
  }

  close(): void {
    this.#stop.abort();
  }

  async send(content: string): Promise<void> {
    await this.session.send(content);
  }

  /** Reads the page of messages before those that are shown. */
  async more(): Promise<void> {
    const first = this.messages.value[0]?.seq;
    const page = await this.session.messages({
      limit: PAGE,
      offset: this.messages.value.length,
      order: 'newest',
    });
    const older = page.messages.filter(({ seq }) => first === undefined || seq < first).toReversed();
    batch(() => {
      this.messages.value = [...older, ...this.messages.value];
      this.earlier.value = page.has_more;
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      this.info.value = await this.session.info();
      await this.more();
      void this.#look();
      const afterSeq = this.messages.value.at(-1)?.seq ?? 0;
      for await (const message of this.session.follow({ afterSeq, signal })) {
        this.messages.value = [...this.messages.value, message];
        void this.#look();
      }
    } catch (thrown) {
      if (!signal.aborted) this.problem.value = (thrown as Error).message;
    }
  }

  /** Who is there may have changed when somebody has said something. */
  async #look(): Promise<void> {
    try {
      this.present.value = await this.session.presence();
    } catch {
      // Not shown, then: the messages matter more.
    }
  }
}
