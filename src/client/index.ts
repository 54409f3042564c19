/** `opstream/client`: the SDK, for browsers and Node (docs/sdk.md). */
import './require-node.js';

export type { ClientLogger, LogEntry } from './client-logger.js';
export { Emitter } from './emitter.js';
export { CLIENT_ERROR, OpstreamClientError } from './errors.js';
export {
  HubClient,
  type FollowAllOptions,
  type FollowOptions,
  type HubClientOptions,
} from './hub/hub-client.js';
export type { JsonObject, JsonValue } from './json.js';
export { MCPWebSocketClient, type HubFrame } from './compat/mcp-websocket-client.js';
export {
  MessageBatcher,
  type FlushReason,
  type MessageBatch,
  type MessageBatcherOptions,
} from './compat/message-batcher.js';
export {
  isFinalEvent,
  isHistoryLost,
  isHistoryTrimmed,
  isOperationEvent,
  type EventData,
  type EventOf,
  type EventFilter,
  type EventPage,
  type SearchedEventPage,
  type EventType,
  type HistoryLost,
  type InputChange,
  type InputRequestSnapshot,
  type HistoryTrimmed,
  type OperationRemoved,
  type OperationEvent,
  type OperationPage,
  type OpenedOperation,
  type OperationSnapshot,
  type ProducerEventData,
  type ProducerEventType,
  type Receipt,
  type ServerStats,
} from './protocol/operation-events.js';
export type * from './protocol/agent-messages.js';
export { CLOSE_CODES, type CloseCode } from './protocol/close-codes.js';
export type * from './protocol/hub-commands.js';
export type * from './protocol/hub-messages.js';
export type * from './protocol/session-messages.js';
export type { FollowedEvent } from './hub/operation-feed.js';
export { OperationProducer, type ProducerEvents, type ProducerOptions } from './hub/operation-producer.js';
export {
  RECONNECT,
  reconnectPolicy,
  type ReconnectPolicy,
  type ReconnectPreset,
} from './reconnect-policy.js';
export {
  RestClient,
  type ApiKey,
  type Backup,
  type BatchReceipt,
  type CreateApiKey,
  type EventDraft,
  type ListQuery,
  type OpenCall,
  type RestCall,
  type RestClientOptions,
} from './rest/rest-client.js';
export type { LoggedEvent, LogOptions } from './rest/log-lines.js';
export { LEVELS, levelOf, type Level, type LogCounts } from './protocol/log-level.js';
export { SharedSession, type SessionFollowOptions } from './sessions/shared-session.js';
export type {
  MemoryEntry,
  NewSessionMessage,
  SessionMessage,
  SessionSearchHit,
  SharedSessionInfo,
  Visibility,
} from './protocol/session-types.js';
export {
  DurableStream,
  type CreateStreamOptions,
  type DurableStreamOptions,
  type StreamFollowOptions,
  type StreamInfo,
} from './streams/durable-stream.js';
export { StreamChunk, type StreamPlace } from './streams/stream-chunk.js';
export { DEFAULT_URL, ServiceAddress, type TokenSource } from './service-address.js';
export type { Socket, SocketConstructor } from './socket.js';
export {
  WebSocketClient,
  type WebSocketClientEvents,
  type WebSocketClientOptions,
} from './compat/websocket-client.js';
export { StreamRefusedError } from './upstream/upstream-socket.js';
export {
  WebSocketManager,
  wsManager,
  type StreamHooks,
  type Subscription,
  type WebSocketManagerOptions,
} from './upstream/websocket-manager.js';
