import {
  encodeNotification,
  encodeRequest,
  type Params,
  type RequestId,
  type RpcResponse,
} from '../protocol/json-rpc.js';
import { UserError } from '../tools/user-error.js';

/** A way for a question to reach the client. */
export interface QuestionCarrier {
  readonly carriesRequests: boolean;
  send(message: string): void;
}

export interface AskOptions {
  readonly method: string;
  readonly params: Params;
  /** The response stream of the asking request, if it still has one. */
  readonly carrier: QuestionCarrier | undefined;
  /** The asking task: its question may wait until the client calls `tasks/result`. */
  readonly taskId: string | undefined;
  readonly signal: AbortSignal;
  /** Fires when the answer came another way: the client is told not to bother. */
  readonly withdrawn?: AbortSignal;
}

interface Question {
  readonly message: string;
  readonly taskId: string | undefined;
  /** What has carried it to the client. */
  carrier: QuestionCarrier | undefined;
  readonly resolve: (result: Params) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Server requests waiting for the client's answer. Each goes where the client reads it: the stream of the asking
 * request or of `tasks/result`, else the session's own channel. If the client cannot be asked, that is reported at
 * once.
 */
export class SessionQuestions {
  private readonly open = new Map<RequestId, Question>();
  /** Streams of `tasks/result`, by task; the newest last. */
  private readonly ofTasks = new Map<string, QuestionCarrier[]>();
  /**
   * @param channel the session's own, while somebody reads it
   * @param count ids begin after it; they are integers, since some clients read no others
   */
  constructor(
    private readonly channel: () => QuestionCarrier | undefined,
    private count = 0,
  ) {}

  /** @throws UserError the client's refusal, that it cannot be asked, or that the wait was aborted */
  ask({ method, params, carrier, taskId, signal, withdrawn }: AskOptions): Promise<Params> {
    const taken = this.carrierOf(carrier, taskId);
    if (!taken && taskId === undefined) {
      throw new UserError(
        `The client cannot be asked for ${method}: it accepts no event stream and reads none of this session`,
      );
    }
    const id = ++this.count;
    const message = encodeRequest(id, method, params);
    return new Promise<Params>((resolve, reject) => {
      const abort = (): void => this.end(id, new UserError(`${method} was given up`));
      const withdraw = (): void => {
        const question = this.open.get(id);
        question?.carrier?.send(
          encodeNotification('notifications/cancelled', { requestId: id, reason: 'Answered elsewhere' }),
        );
        abort();
      };
      const settle = (): void => {
        signal.removeEventListener('abort', abort);
        withdrawn?.removeEventListener('abort', withdraw);
      };
      this.open.set(id, {
        message,
        taskId,
        carrier: taken,
        resolve: (result) => (settle(), resolve(result)),
        reject: (error) => (settle(), reject(error)),
      });
      if (signal.aborted) return abort();
      if (withdrawn?.aborted) return withdraw();
      withdrawn?.addEventListener('abort', withdraw, { once: true });
      signal.addEventListener('abort', abort, { once: true });
      taken?.send(message);
    });
  }

  /** The client's answer; unexpected answers are ignored. */
  settle({ id, result, error }: RpcResponse): void {
    // Some clients answer with the text of a number.
    const key = typeof id === 'string' && /^\d+$/.test(id) ? Number(id) : id;
    const question = key === null ? undefined : this.open.get(key);
    if (!question) return;
    this.open.delete(key!);
    if (result) return question.resolve(result);
    const why = typeof error?.message === 'string' ? error.message.slice(0, 1000) : 'refused';
    question.reject(new UserError(`The client answered: ${why}`));
  }

  /**
   * The client waits for the result of a task: the task's questions go to this stream.
   * @returns call it when the stream ends
   */
  carryFor(taskId: string, carrier: QuestionCarrier): () => void {
    if (!carrier.carriesRequests) {
      this.giveUpUnread(taskId);
      return () => {};
    }
    const carriers = this.ofTasks.get(taskId) ?? [];
    this.ofTasks.set(taskId, [...carriers, carrier]);
    for (const question of this.open.values()) {
      if (question.taskId === taskId && !this.isCarried(question)) send(question, carrier);
    }
    return () => {
      const left = (this.ofTasks.get(taskId) ?? []).filter((other) => other !== carrier);
      if (left.length > 0) this.ofTasks.set(taskId, left);
      else this.ofTasks.delete(taskId);
    };
  }

  /** Somebody reads the session's channel again. */
  channelOpened(channel: QuestionCarrier): void {
    for (const question of this.open.values()) if (!question.carrier) send(question, channel);
  }

  /** Nobody will answer any longer. */
  endAll(error: Error): void {
    for (const id of this.open.keys()) this.end(id, error);
  }

  private carrierOf(
    carrier: QuestionCarrier | undefined,
    taskId: string | undefined,
  ): QuestionCarrier | undefined {
    if (carrier?.carriesRequests) return carrier;
    const ofTask = taskId === undefined ? undefined : this.ofTasks.get(taskId)?.at(-1);
    return ofTask ?? this.channel();
  }

  private isCarried({ carrier, taskId }: Question): boolean {
    if (!carrier) return false;
    return carrier === this.channel() || (this.ofTasks.get(taskId ?? '') ?? []).includes(carrier);
  }

  /** A client that waits for a result without reading questions will never answer one. */
  private giveUpUnread(taskId: string): void {
    if (this.channel()) return;
    for (const [id, question] of this.open) {
      if (question.taskId === taskId && !this.isCarried(question)) {
        this.end(id, new UserError('The client cannot be asked: it accepts no event stream'));
      }
    }
  }

  private end(id: RequestId, error: Error): void {
    const question = this.open.get(id);
    this.open.delete(id);
    question?.reject(error);
  }
}

function send(question: Question, carrier: QuestionCarrier): void {
  question.carrier = carrier;
  carrier.send(question.message);
}
