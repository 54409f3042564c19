import { AsyncLocalStorage } from 'node:async_hooks';
import type { Principal } from './principal.js';

/**
 * On whose behalf this process calls its own REST handlers: the guard takes the principal from here, because a caller
 * who came over MCP was authenticated there, perhaps by a token that is in no header.
 */
export const actingPrincipal = new AsyncLocalStorage<Principal>();
