import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Put,
  Query,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import {
  ApiBody,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { AuthGuard, RequireScope } from '../../auth/auth.guard.js';
import { CurrentPrincipal } from '../../auth/current-principal.decorator.js';
import type { Principal } from '../../auth/principal.js';
import { pageLimit, wholeNumber } from '../../operations/rest/request-values.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import type { JsonObject } from '../../platform/json.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { actorOf } from '../actor.js';
import { MemoryService } from '../memory.service.js';
import type { MemoryEntry } from '../session.js';
import { memoryView } from '../tools/memory-tool-handlers.js';
import { membersOf, optionalText } from './request-members.js';
import { MemoryEntryDto, MemoryListDto, SetMemoryDto } from './session.dto.js';

const SESSION = {
  name: 'session_id',
  required: false,
  description: 'Session the memory belongs to; without it: global',
  schema: { type: 'string' } as const,
};

/** The caller's own memory over REST. */
@ApiTags('sessions')
@Controller('api/memory')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
export class MemoryController {
  constructor(private readonly memory: MemoryService) {}

  @Get()
  @RequireScope('sessions:read')
  @ApiOperation({ operationId: 'list_agent_memory', summary: 'Keys of your memory, last change first' })
  @ApiQuery({ ...SESSION, description: "A session's id, all, or without it: global" })
  @ApiQuery({ name: 'prefix', required: false, schema: { type: 'string' } })
  @ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
  })
  @ApiOkResponse({ type: MemoryListDto })
  async list(
    @Query() query: Record<string, unknown>,
    @CurrentPrincipal() caller: Principal,
  ): Promise<JsonObject> {
    const entries = await this.memory.list(actorOf(caller, false), {
      scope: sessionOf(query),
      prefix: optionalText(query.prefix, 'prefix') ?? '',
      limit: pageLimit(query.limit, 200, 50),
    });
    return { entries: entries.map(view) };
  }

  @Get(':key')
  @RequireScope('sessions:read')
  @ApiOperation({ operationId: 'get_agent_memory', summary: 'One value of your memory' })
  @ApiQuery(SESSION)
  @ApiOkResponse({ type: MemoryEntryDto })
  async get(
    @Param('key') key: string,
    @Query() query: Record<string, unknown>,
    @CurrentPrincipal() caller: Principal,
  ): Promise<JsonObject> {
    return view(await this.memory.get(actorOf(caller, false), key, sessionOf(query)));
  }

  @Put(':key')
  @RequireScope('sessions:write')
  @ApiOperation({ operationId: 'set_agent_memory', summary: 'Keep a value, as it is or by its version' })
  @ApiQuery(SESSION)
  @ApiBody({ type: SetMemoryDto })
  @ApiOkResponse({ type: MemoryEntryDto })
  async set(
    @Param('key') key: string,
    @Query() query: Record<string, unknown>,
    @Body() body: unknown,
    @CurrentPrincipal() caller: Principal,
  ): Promise<JsonObject> {
    const given = membersOf(body, ['value', 'expires_in', 'metadata', 'overwrite', 'if_version']);
    if (given.value === undefined) throw new OpstreamError('invalid_request', 'value is missing');
    const entry = await this.memory.set(actorOf(caller, false), {
      key,
      value: given.value,
      sessionId: sessionOf(query),
      expiresIn: given.expires_in,
      metadata: given.metadata,
      overwrite: given.overwrite !== false,
      ifVersion: wholeNumber(given.if_version, 'if_version'),
    });
    return view(entry);
  }

  @Delete(':key')
  @HttpCode(204)
  @RequireScope('sessions:write')
  @ApiOperation({ operationId: 'forget_agent_memory', summary: 'Forget a value' })
  @ApiQuery(SESSION)
  @ApiNoContentResponse()
  async remove(
    @Param('key') key: string,
    @Query() query: Record<string, unknown>,
    @CurrentPrincipal() caller: Principal,
  ): Promise<void> {
    await this.memory.remove(actorOf(caller, false), key, sessionOf(query));
  }
}

function sessionOf(query: Record<string, unknown>): string | null {
  return optionalText(query.session_id, 'session_id') ?? null;
}

function view(entry: MemoryEntry): JsonObject {
  return { ...memoryView(entry), session_id: entry.sessionId };
}
