/** `opstream/client`: the SDK, for browsers and Node (docs/sdk.md). */
export type { ClientLogger, LogEntry } from './client-logger.js';
export { Emitter } from './emitter.js';
export { CLIENT_ERROR, OpstreamClientError } from './errors.js';
export { HubClient, type FollowAllOptions, type FollowOptions, type HubClientOptions } from './hub-client.js';
export type { JsonObject, JsonValue } from './json.js';
export { MCPWebSocketClient, type HubFrame } from './mcp-web-socket-client.js';
export {
  MessageBatcher,
  type FlushReason,
  type MessageBatch,
  type MessageBatcherOptions,
} from './message-batcher.js';
export {
  isFinalEvent,
  isHistoryTrimmed,
  isOperationEvent,
  type EventData,
  type EventOf,
  type EventType,
  type HistoryTrimmed,
  type OperationEvent,
  type OperationSnapshot,
  type ProducerEventData,
  type ProducerEventType,
  type Receipt,
  type ServerStats,
} from './operation-events.js';
export type { FollowedEvent } from './operation-feed.js';
export { OperationProducer, type ProducerEvents, type ProducerOptions } from './operation-producer.js';
export {
  RECONNECT,
  reconnectPolicy,
  type ReconnectPolicy,
  type ReconnectPreset,
} from './reconnect-policy.js';
export {
  RestClient,
  type BatchReceipt,
  type EventDraft,
  type EventPage,
  type ListQuery,
  type OperationPage,
  type RestClientOptions,
} from './rest-client.js';
export { DEFAULT_URL, ServiceAddress, type TokenSource } from './service-address.js';
export type { Socket, SocketConstructor } from './socket.js';
export {
  WebSocketClient,
  type WebSocketClientEvents,
  type WebSocketClientOptions,
} from './web-socket-client.js';
export { StreamRefusedError } from './upstream-socket.js';
export {
  WebSocketManager,
  wsManager,
  type StreamHooks,
  type Subscription,
  type WebSocketManagerOptions,
} from './websocket-manager.js';
