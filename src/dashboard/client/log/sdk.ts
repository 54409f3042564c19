/** The types of the SDK that the log needs. */
export type { FollowedEvent } from '../../../client/hub/operation-feed.js';
export type { JsonObject, JsonValue } from '../../../client/json.js';
export type { OperationEvent, OperationSnapshot } from '../../../client/protocol/operation-events.js';
