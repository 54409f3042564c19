import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { ApiExtension, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { z } from 'zod';
import { AuthGuard } from '../../src/auth/auth.guard.js';
import { CurrentPrincipal } from '../../src/auth/current-principal.decorator.js';
import type { Principal } from '../../src/auth/principal.js';
import { McpModule } from '../../src/mcp/mcp.module.js';
import { Tool } from '../../src/mcp/tools/tool.decorator.js';
import type { ToolContext } from '../../src/mcp/tools/tool-context.js';

/** What a handler sees of its caller; transports that show less leave members out. */
export interface Seen {
  readonly tenant?: string;
  readonly user?: string;
  readonly scopes?: readonly string[];
  /** Whether it may write operations (or streams, over their own protocol). */
  readonly mayWrite?: boolean;
}

export function seenOf({ tenant, userId, scopes }: Principal): Required<Omit<Seen, 'mayWrite'>> {
  return { tenant, user: userId, scopes: [...scopes].sort() };
}

/** An endpoint of the host application, which is also the tool `own_whoami_endpoint`. */
@Controller('whoami')
@UseGuards(AuthGuard)
@ApiExtension('x-mcp', true)
export class WhoAmIController {
  @Get()
  @ApiOperation({ operationId: 'whoami_endpoint', summary: 'Who asks' })
  @ApiOkResponse({ schema: { type: 'object' } })
  whoami(@CurrentPrincipal() principal: Principal): object {
    return seenOf(principal);
  }
}

/** A tool of the host application. */
export class WhoAmITool {
  @Tool({ name: 'whoami', description: 'Who asks', parameters: z.object({}), scope: null, record: false })
  whoami(_input: object, { principal }: ToolContext): string {
    return JSON.stringify(seenOf(principal));
  }
}

@Module({ imports: [McpModule], controllers: [WhoAmIController], providers: [WhoAmITool] })
export class WhoAmIModule {}

/** A credential where a client may put it. */
export interface Presented {
  /** With its question mark, or empty. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly subprotocols: readonly string[];
}

export const NOTHING: Presented = { query: '', headers: {}, subprotocols: [] };

/** Every place in which the service looks for a credential, and cookies, where it must not. */
export const PLACES = {
  Authorization: (value) => ({ ...NOTHING, headers: { authorization: `Bearer ${value}` } }),
  'X-API-Key': (value) => ({ ...NOTHING, headers: { 'x-api-key': value } }),
  '?token=': (value) => ({ ...NOTHING, query: `?token=${value}` }),
  'subprotocol bearer': (value) => inSubprotocol(['mcp', 'opstream', `bearer.${value}`]),
  'subprotocol mcp.auth': (value) => inSubprotocol([`mcp.auth.${value}`]),
  cookie: (value) => ({
    ...NOTHING,
    headers: { cookie: `token=${value}; authorization=Bearer ${value}; x-api-key=${value}` },
  }),
} as const satisfies Record<string, (value: string) => Presented>;

function inSubprotocol(subprotocols: readonly string[]): Presented {
  return { ...NOTHING, subprotocols };
}
