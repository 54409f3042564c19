import { VERSION } from '../../platform/version.js';
import { TASKS_EXTENSION, type Era } from './versions.js';
import type { Params } from './json-rpc.js';

/** Server identity in `initialize` and `server/discover`. */
export const SERVER_INFO = { name: 'opstream', title: 'Opstream', version: VERSION } as const;

export const INSTRUCTIONS =
  'Every tool call and long-running job is an operation: list_operations and watch_operation show them, and the ' +
  'resources operation://{id} and operation://{id}/events hold their state and log.';

const SHARED: Params = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
};

/** Capabilities of this service, per era. */
export const CAPABILITIES: Readonly<Record<Era, Params>> = {
  legacy: { ...SHARED, logging: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
  modern: { ...SHARED, logging: {}, extensions: { [TASKS_EXTENSION]: {} } },
};
