import type { IncomingHttpHeaders } from 'node:http';
import type {
  CreateMessageResultSchema,
  ElicitResultSchema,
  ListRootsResultSchema,
  SamplingMessageSchema,
} from '@modelcontextprotocol/core';
import type { z } from 'zod';
import type { Principal } from '../../auth/principal.js';
import type { JsonSchema } from './json-schema.js';
import type { ContentBlock } from './tool-result.js';

/** The context of a resource or prompt. */
export interface LoadContext {
  readonly principal: Principal;
  /** Aborted when the caller cancels or disconnects. */
  readonly signal: AbortSignal;
}

/**
 * A tool's view of its call. Everything it reports is recorded in the call's operation and reaches the caller and all
 * watchers from there. None of the methods throws because a caller has gone.
 */
export interface ToolContext extends LoadContext {
  /** Unique id of this call; also the id of its operation, if it is recorded. */
  readonly requestId: string;
  /** Undefined where the protocol has no sessions (2026-07-28). */
  readonly sessionId: string | undefined;
  readonly session: ToolSession | undefined;
  /** Headers of the HTTP request or WebSocket upgrade of the call; empty if there was none. */
  readonly requestHeaders: IncomingHttpHeaders;
  /** Address of the client, for what is written down about its calls; empty for a peer that was dialled. */
  readonly clientAddress: string;
  readonly log: ToolLog;
  /**
   * Sends partial content to the caller at once. Await it in a loop, like every report: the tool waits for the log,
   * the event loop and a slow caller, but once for many quick reports, not for each.
   */
  readonly streamContent: (content: ContentBlock | readonly ContentBlock[]) => Promise<void>;
  /** Numeric progress; a value that does not exceed the last one is recorded, but not sent to the caller. */
  readonly reportProgress: (progress: ProgressReport) => Promise<void>;
  /**
   * Asks the caller's user, model or client for input and resolves with the answers under the same keys. In the era
   * without sessions the call ends here with `input_required`, and the tool runs again from its beginning once the
   * caller has the answers: what precedes this must be repeatable.
   * @throws RpcError or UserError when the client did not declare the capability that a request needs
   */
  readonly requestInput: <Requests extends InputRequests>(
    requests: Requests,
    options?: InputOptions,
  ) => Promise<InputResponses<Requests>>;
  /**
   * Ends the caller's HTTP response, but not the call (SEP-1699): the client returns after `retryMs` and resumes. Does
   * nothing if there is no such response or no session to resume in.
   */
  readonly pauseStream: (retryMs?: number) => void;
  /** Capabilities the client declared, e.g. `elicitation`, `sampling`, `roots`. */
  readonly clientCapabilities: Readonly<Record<string, unknown>>;
}

export interface InputOptions {
  /** Ask within the call itself even if it will become a task, so that the task starts with the answers. */
  readonly beforeTask?: boolean;
}

export interface ProgressReport {
  readonly progress: number;
  readonly total?: number;
  readonly message?: string;
}

export interface ToolLog {
  debug(message: string, data?: unknown): void;
  info(message: string, data?: unknown): void;
  warn(message: string, data?: unknown): void;
  error(message: string, data?: unknown): void;
}

/** The MCP session of a call (eras with sessions only). */
export interface ToolSession {
  readonly id: string;
  readonly protocolVersion: string;
  readonly clientInfo: { readonly name: string; readonly version: string } | undefined;
  /** Values that tools keep for the life of the session. */
  readonly values: Map<string, unknown>;
}

/** Parameters and answers of questions to a caller; the members that matter, and anything else MCP allows. */
interface InputKinds {
  'elicitation/create': {
    params: {
      readonly message: string;
      readonly requestedSchema?: JsonSchema;
      readonly [option: string]: unknown;
    };
    result: z.infer<typeof ElicitResultSchema>;
  };
  'sampling/createMessage': {
    params: {
      readonly messages: readonly z.infer<typeof SamplingMessageSchema>[];
      readonly maxTokens: number;
      readonly [option: string]: unknown;
    };
    result: z.infer<typeof CreateMessageResultSchema>;
  };
  'roots/list': { params?: Readonly<Record<string, never>>; result: z.infer<typeof ListRootsResultSchema> };
}
export type InputMethod = keyof InputKinds;
export type InputRequest = {
  [Method in InputMethod]: { readonly method: Method } & Readonly<Omit<InputKinds[Method], 'result'>>;
}[InputMethod];
export type InputRequests = Readonly<Record<string, InputRequest>>;
export type InputResponses<Requests extends InputRequests> = {
  readonly [Key in keyof Requests]: InputKinds[Requests[Key]['method']]['result'];
};
