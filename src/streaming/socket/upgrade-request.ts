import type { IncomingMessage } from 'node:http';
import type { Principal } from '../../auth/principal.js';
import type { SocketMetrics } from './socket-metrics.js';

/** An admitted upgrade request: the caller, and what path and query said. */
export interface UpgradeRequest extends IncomingMessage {
  principal: Principal;
  /** The address of the client. */
  address: string;
  metrics: SocketMetrics;
  /** The `:name` segments of the path, decoded. */
  params: Readonly<Record<string, string>>;
  /** The path without query, as requested. */
  pathname: string;
  query: URLSearchParams;
}
