import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  Query,
  Res,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { ApiBody, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { AuthGuard, RequireScope } from '../../auth/auth.guard.js';
import { CurrentPrincipal } from '../../auth/current-principal.decorator.js';
import type { Principal } from '../../auth/principal.js';
import { Configuration } from '../../config/configuration.js';
import { oneOf, pageLimit, wholeNumber } from '../../operations/rest/request-values.js';
import type { SharedSessionInfo } from '../../client/protocol/session-types.js';
import type { JsonObject } from '../../platform/json.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { actorOf, type Actor } from '../actor.js';
import { SessionPresence } from '../presence.service.js';
import { SearchService } from '../search/search.service.js';
import { messageText, sessionView } from '../session-json.js';
import { SessionsService } from '../sessions.service.js';
import { parseTimeOrSeconds } from '../tools/iso-time.js';
import { membersOf, numberBetween, optionalText, requiredText } from './request-members.js';
import {
  AddMessageDto,
  CreateSessionDto,
  MessageDto,
  MessageListDto,
  PresenceDto,
  SearchResultDto,
  SessionDto,
  SessionListDto,
} from './session.dto.js';

const JSON_TYPE = 'application/json; charset=utf-8';
const LIMIT = (maximum: number, fallback: number) => ({
  name: 'limit',
  required: false,
  schema: { type: 'integer', minimum: 1, maximum, default: fallback } as const,
});

/** Sessions and their messages over REST. What a caller may not see is in no answer and no count. */
@ApiTags('sessions')
@Controller('api/sessions')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
export class SessionsController {
  private readonly open: boolean;

  constructor(
    private readonly sessions: SessionsService,
    private readonly searching: SearchService,
    private readonly presence: SessionPresence,
    { sessions: { visibility } }: Configuration,
  ) {
    this.open = visibility === 'open';
  }

  @Post()
  @RequireScope('sessions:write')
  @ApiOperation({ operationId: 'create_shared_session', summary: 'Create a session' })
  @ApiBody({ type: CreateSessionDto })
  @ApiCreatedResponse({ type: SessionDto })
  async create(@Body() body: unknown, @CurrentPrincipal() caller: Principal): Promise<SharedSessionInfo> {
    const { purpose, metadata, session_id: id } = membersOf(body, ['purpose', 'metadata', 'session_id']);
    const session = await this.sessions.create(this.actor(caller), {
      purpose: requiredText(purpose, 'purpose'),
      metadata,
      sessionId: optionalText(id, 'session_id'),
    });
    return sessionView(session);
  }

  @Get()
  @RequireScope('sessions:read')
  @ApiOperation({
    operationId: 'list_shared_sessions',
    summary: 'List sessions, most recently changed first',
  })
  @ApiQuery(LIMIT(500, 50))
  @ApiQuery({ name: 'cursor', required: false, schema: { type: 'string' } })
  @ApiOkResponse({ type: SessionListDto })
  async list(
    @Query() query: Record<string, unknown>,
    @CurrentPrincipal() caller: Principal,
  ): Promise<{ sessions: SharedSessionInfo[]; next_cursor: string | null }> {
    const cursor = optionalText(query.cursor, 'cursor');
    const page = await this.sessions.list(this.actor(caller), pageLimit(query.limit, 500, 50), cursor);
    return { sessions: page.sessions.map(sessionView), next_cursor: page.nextCursor };
  }

  @Get(':session_id')
  @RequireScope('sessions:read')
  @ApiOperation({ operationId: 'get_shared_session', summary: 'One session' })
  @ApiOkResponse({ type: SessionDto })
  async get(
    @Param('session_id') id: string,
    @CurrentPrincipal() caller: Principal,
  ): Promise<SharedSessionInfo> {
    return sessionView(await this.sessions.get(this.actor(caller), id));
  }

  @Post(':session_id/close')
  @HttpCode(200)
  @RequireScope('sessions:write')
  @ApiOperation({ operationId: 'close_shared_session', summary: 'End a session; it can still be read' })
  @ApiOkResponse({ type: SessionDto })
  async close(
    @Param('session_id') id: string,
    @CurrentPrincipal() caller: Principal,
  ): Promise<SharedSessionInfo> {
    return sessionView(await this.sessions.close(this.actor(caller), id));
  }

  @Post(':session_id/messages')
  @RequireScope('sessions:write')
  @Header('Content-Type', JSON_TYPE)
  @ApiOperation({ operationId: 'add_session_message', summary: 'Add a message' })
  @ApiBody({ type: AddMessageDto })
  @ApiCreatedResponse({ type: MessageDto })
  @ApiOkResponse({ type: MessageDto, description: 'The message_key was used before: this is what it became' })
  async add(
    @Param('session_id') id: string,
    @Body() body: unknown,
    @CurrentPrincipal() caller: Principal,
    @Res({ passthrough: true }) response: { status(code: number): unknown },
  ): Promise<string> {
    const given = membersOf(body, [
      'content',
      'visibility',
      'metadata',
      'parent_message_id',
      'message_key',
      'message_type',
    ]);
    const { message, repeated } = await this.sessions.add(this.actor(caller), id, {
      content: requiredText(given.content, 'content'),
      visibility: optionalText(given.visibility, 'visibility'),
      metadata: given.metadata,
      parentId: wholeNumber(given.parent_message_id, 'parent_message_id'),
      messageKey: optionalText(given.message_key, 'message_key'),
      messageType: optionalText(given.message_type, 'message_type'),
    });
    response.status(repeated ? 200 : 201);
    return messageText(message);
  }

  @Get(':session_id/messages')
  @RequireScope('sessions:read')
  @Header('Content-Type', JSON_TYPE)
  @ApiOperation({ operationId: 'list_session_messages', summary: 'Messages, page by page' })
  @ApiQuery(LIMIT(1000, 50))
  @ApiQuery({ name: 'offset', required: false, schema: { type: 'integer', minimum: 0, default: 0 } })
  @ApiQuery({ name: 'order', required: false, schema: { type: 'string', enum: ['oldest', 'newest'] } })
  @ApiQuery({ name: 'visibility', required: false, schema: { type: 'string' } })
  @ApiQuery({ name: 'sender', required: false, schema: { type: 'string' } })
  @ApiQuery({
    name: 'since',
    required: false,
    description: 'ISO 8601 or Unix seconds',
    schema: { type: 'string' },
  })
  @ApiQuery({
    name: 'until',
    required: false,
    description: 'ISO 8601 or Unix seconds',
    schema: { type: 'string' },
  })
  @ApiOkResponse({ type: MessageListDto })
  async messages(
    @Param('session_id') id: string,
    @Query() query: Record<string, unknown>,
    @CurrentPrincipal() caller: Principal,
  ): Promise<string> {
    const since = optionalText(query.since, 'since');
    const until = optionalText(query.until, 'until');
    const offset = wholeNumber(query.offset, 'offset') ?? 0;
    const { messages, total } = await this.sessions.messages(this.actor(caller), id, {
      visibility: optionalText(query.visibility, 'visibility'),
      sender: optionalText(query.sender, 'sender'),
      from: since === undefined ? undefined : parseTimeOrSeconds(since),
      until: until === undefined ? undefined : parseTimeOrSeconds(until),
      order: oneOf(query.order, 'order', ['oldest', 'newest'], 'oldest'),
      limit: pageLimit(query.limit, 1000, 50),
      offset,
    });
    const more = offset + messages.length < total;
    return `{"messages":[${messages.map(messageText).join(',')}],"total_count":${total},"has_more":${more}}`;
  }

  @Get(':session_id/search')
  @RequireScope('sessions:read')
  @Header('Content-Type', JSON_TYPE)
  @ApiOperation({ operationId: 'search_session', summary: 'Messages that nearly say something, best first' })
  @ApiQuery({ name: 'q', required: true, schema: { type: 'string' } })
  @ApiQuery({
    name: 'threshold',
    required: false,
    schema: { type: 'number', minimum: 0, maximum: 100, default: 60 },
  })
  @ApiQuery(LIMIT(100, 10))
  @ApiOkResponse({ type: SearchResultDto })
  async search(
    @Param('session_id') id: string,
    @Query() query: Record<string, unknown>,
    @CurrentPrincipal() caller: Principal,
  ): Promise<string> {
    const { hits, total } = await this.searching.search(this.actor(caller), id, {
      query: requiredText(query.q, 'q'),
      threshold: numberBetween(query.threshold, 'threshold', 0, 100) ?? 60,
      limit: pageLimit(query.limit, 100, 10),
      withMetadata: true,
      scope: 'all',
    });
    const results = hits.map(({ message, score }) => `{"message":${messageText(message)},"score":${score}}`);
    return `{"results":[${results.join(',')}],"total":${total}}`;
  }

  @Get(':session_id/presence')
  @RequireScope('sessions:read')
  @ApiOperation({ operationId: 'get_session_presence', summary: 'Who is connected' })
  @ApiOkResponse({ type: PresenceDto })
  async present(@Param('session_id') id: string, @CurrentPrincipal() caller: Principal): Promise<JsonObject> {
    const { tenant, sessionId } = await this.sessions.get(this.actor(caller), id);
    const agents = this.presence.agents({ tenant, sessionId });
    return {
      participants: [...agents].map(([agentId, connections]) => ({ agent_id: agentId, connections })),
    };
  }

  private actor(caller: Principal): Actor {
    return actorOf(caller, this.open);
  }
}
