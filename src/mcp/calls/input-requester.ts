import type { RequestContext } from '../session/request-context.js';
import { objectAt, type Params } from '../protocol/json-rpc.js';
import { fitParams } from '../protocol/members.js';
import { RPC, RpcError } from '../protocol/rpc-error.js';
import { META } from '../protocol/versions.js';
import type { McpSession } from '../session/mcp-session.js';
import type { InputOptions, InputRequests } from '../tools/tool-context.js';
import { UserError } from '../tools/user-error.js';
import type { CallRecord } from './call-record.js';
import { asObject, missingCapabilities } from './input-capabilities.js';
import { readAnswer } from './input-answer.js';
import type { InputDoor, OpenQuestion } from './input-door.js';
import type { RequestStateCodec } from './request-state-codec.js';
import type { ToolOutcome } from './tool-outcome.js';

/** The running call that asks; a prompt asks without one. */
interface AskingCall {
  readonly requestId: string;
  readonly signal: AbortSignal;
  readonly record: CallRecord;
  stop(outcome: ToolOutcome, reason: string): void;
}

interface Pending {
  readonly requests: Map<string, InputRequests[string]>;
  readonly answers: Record<string, unknown>;
  /** Those in the log, by key. */
  readonly questions: Map<string, Promise<OpenQuestion | undefined>>;
  /** Not all of them can be in the log: the status has to be told beside them. */
  readonly isOnlyStatus: boolean;
  readonly resolve: (answers: Params) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Asks a call's caller for input: by server requests in a session, by ending the call with `input_required` in
 * 2026-07-28, or, once the call is a task, by waiting for `tasks/update`.
 */
export class InputRequester {
  /** Called when the call has to wait for input; a call that may become a task does so then. */
  onWaiting: (() => Promise<void>) | undefined;
  private asTask = false;
  private pending: Pending | undefined;
  private answered: Params | undefined;
  /** The call's questions in its operation's log, if it is recorded. */
  door: InputDoor | undefined;

  /** @param name the tool or prompt that the sealed answers belong to */
  constructor(
    private readonly exchange: RequestContext,
    private readonly name: string,
    private readonly args: Params,
    private readonly states: RequestStateCodec,
  ) {}

  /** From now on the call is a task. */
  becomeTask(): void {
    this.asTask = true;
  }

  /** The open questions of a task. */
  get open(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.pending?.requests ?? []);
  }

  /**
   * Answers of earlier rounds and of this request.
   * @throws RpcError `invalidParams` for invalid answers or an invalid state
   */
  given(): Params {
    const { params, principal } = this.exchange;
    this.answered ??= {
      ...this.states.open(params.requestState, principal, this.name, this.args),
      ...objectAt(params, 'inputResponses'),
    };
    return this.answered;
  }

  async ask(
    requests: InputRequests,
    { beforeTask }: InputOptions,
    call: AskingCall | undefined,
  ): Promise<Params> {
    this.requireCapabilities(requests);
    const { era, session } = this.exchange;
    if (era === 'legacy' && session) return this.askSession(session, requests, call);
    if (!this.asTask) {
      const missing = this.missing(requests);
      if (missing === undefined) return this.read(requests, this.given());
      if (!this.onWaiting || beforeTask) throw this.inputRequired(missing, call);
      await this.onWaiting();
    }
    return this.wait(requests, call);
  }

  /** Answers for a waiting task; unknown keys are ignored. @throws RpcError `invalidParams` */
  async answer(responses: Params, call: AskingCall): Promise<void> {
    const pending = this.pending;
    if (!pending) return;
    for (const [key, value] of Object.entries(responses)) {
      const request = pending.requests.get(key);
      if (!request) continue;
      const answer = await readAnswer(key, request, value);
      const question = await pending.questions.get(key);
      await this.accept(pending, key, question ? await question.settle(answer) : answer, call);
    }
  }

  /** The answer to one question of a task, by whichever way it came. */
  private async accept(
    pending: Pending,
    key: string,
    answer: unknown,
    call: Pick<AskingCall, 'record'>,
  ): Promise<void> {
    if (!pending.requests.delete(key)) return;
    pending.answers[key] = answer;
    if (pending.requests.size > 0 || this.pending !== pending) return;
    this.pending = undefined;
    if (pending.isOnlyStatus) await call.record.status('running');
    pending.resolve(pending.answers);
  }

  /** The call has ended: nobody will answer any longer. */
  giveUp(): void {
    this.pending?.reject(new UserError('The call ended before its input arrived'));
    this.pending = undefined;
  }

  private wait(requests: InputRequests, call: AskingCall | undefined): Promise<Params> {
    if (this.pending) throw new UserError('A tool may wait for one group of inputs at a time');
    const { door } = this;
    const entries = Object.entries(requests);
    const isOnlyStatus = !door || !entries.every(([, request]) => isForm(request));
    const waiting = new Promise<Params>((resolve, reject) => {
      const questions = new Map<string, Promise<OpenQuestion | undefined>>();
      this.pending = { requests: new Map(entries), answers: {}, questions, isOnlyStatus, resolve, reject };
    });
    if (isOnlyStatus) void call?.record.status('input_required', { keys: Object.keys(requests) });
    if (door && call) this.openAll(this.pending!, door, call);
    return waiting;
  }

  /** Puts the questions of a task into the log, where others may answer them. */
  private openAll(pending: Pending, door: InputDoor, call: AskingCall): void {
    for (const [key, request] of pending.requests) {
      const opening = door.open(key, request, call.signal);
      pending.questions.set(key, opening);
      void opening
        .then(async (question) => {
          if (question) await this.accept(pending, key, await question.outcome, call);
        })
        // The call is over.
        .catch(() => {});
    }
  }

  private async askSession(
    session: McpSession,
    requests: InputRequests,
    call: AskingCall | undefined,
  ): Promise<Params> {
    const { responder, cancellation, revision } = this.exchange;
    const signal = call?.signal ?? cancellation.signal;
    const taskId = this.asTask ? call?.requestId : undefined;
    const related = taskId === undefined ? {} : { _meta: { [META.relatedTask]: { taskId } } };
    const { door } = this;
    const isOnlyStatus = !door || !Object.values(requests).every(isForm);
    if (isOnlyStatus) await call?.record.status('input_required', { keys: Object.keys(requests) });
    const answers = await Promise.all(
      Object.entries(requests).map(async ([key, request]) => {
        const { method } = request;
        const params = fitParams(method, { ...(request.params as Params | undefined), ...related }, revision);
        const carrier = taskId === undefined ? responder : undefined;
        const question = await door?.open(key, request, signal);
        const withdrawn = new AbortController();
        const ask = async (): Promise<unknown> => {
          const options = { method, params, carrier, taskId, signal, withdrawn: withdrawn.signal };
          const answer = await readFromSession(key, request, await session.questions.ask(options));
          return question ? question.settle(answer) : answer;
        };
        if (!question) return [key, await ask()] as const;
        const ofClient = ask();
        // Once another answer counts, the client's refusal is of no interest.
        ofClient.catch(() => {});
        try {
          return [key, await Promise.race([ofClient, question.outcome])] as const;
        } catch (error) {
          question.withdraw();
          throw error;
        } finally {
          withdrawn.abort();
        }
      }),
    );
    if (isOnlyStatus) await call?.record.status('running');
    return Object.fromEntries(answers);
  }

  private missing(requests: InputRequests): InputRequests | undefined {
    const given = this.given();
    const missing = Object.entries(requests).filter(([key]) => given[key] === undefined);
    return missing.length === 0 ? undefined : Object.fromEntries(missing);
  }

  private async read(requests: InputRequests, given: Params): Promise<Params> {
    const answers: Record<string, unknown> = {};
    for (const [key, request] of Object.entries(requests)) {
      answers[key] = await readAnswer(key, request, given[key]);
    }
    return answers;
  }

  private inputRequired(requests: InputRequests, call: AskingCall | undefined): InputRequiredError {
    const state = this.states.seal(this.exchange.principal, this.name, this.args, this.given());
    const error = new InputRequiredError(requests, state);
    // The outcome stands even if the tool swallows the error.
    call?.stop({ kind: 'input-required', requests, state }, 'input required');
    return error;
  }

  /** @throws RpcError `missingCapability` (2026-07-28) or UserError */
  private requireCapabilities(requests: InputRequests): void {
    const missing = missingCapabilities(Object.values(requests), this.exchange.capabilities);
    if (missing.length === 0) return;
    const message = `The client does not support ${missing.join(', ')}`;
    if (this.exchange.era === 'legacy') throw new UserError(message);
    throw new RpcError(RPC.missingCapability, message, { requiredCapabilities: asObject(missing) });
  }
}

function isForm({ method, params }: InputRequests[string]): boolean {
  return method === 'elicitation/create' && (params as Params).mode !== 'url';
}

/** Ends a request of 2026-07-28 that needs input first. */
export class InputRequiredError extends Error {
  override readonly name = 'InputRequiredError';

  constructor(
    readonly requests: InputRequests,
    readonly state: string,
  ) {
    super('Input is required');
  }

  toResult(): Params {
    return inputRequiredResult(this.requests, this.state);
  }
}

export function inputRequiredResult(requests: InputRequests, state: string): Params {
  // Some clients end the call on a request without params.
  const inputRequests = Object.fromEntries(
    Object.entries(requests).map(([key, request]) => [key, { ...request, params: request.params ?? {} }]),
  );
  return { resultType: 'input_required', inputRequests, requestState: state };
}

/** In a session there is no request to refuse with an error, so the tool fails. */
async function readFromSession(
  key: string,
  request: InputRequests[string],
  answer: unknown,
): Promise<unknown> {
  try {
    return await readAnswer(key, request, answer);
  } catch (thrown) {
    throw thrown instanceof RpcError ? new UserError(thrown.message) : thrown;
  }
}
