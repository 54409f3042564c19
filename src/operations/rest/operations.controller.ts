import {
  Body,
  Controller,
  Delete,
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
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { Audited } from '../../auth/audited.decorator.js';
import { AuthGuard, RequireScope } from '../../auth/auth.guard.js';
import { CurrentPrincipal } from '../../auth/current-principal.decorator.js';
import { userOf, type Principal } from '../../auth/principal.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { CreateOperationDto, parseCreateOperation } from './dto/create-operation.dto.js';
import { EventPageDto, OpenedOperationDto, OperationDto, OperationListDto } from './dto/operation.dto.js';
import { LIMITS, parseOperationId } from '../operation-draft.js';
import { historyJson, parseHistoryQuery, readHistory } from './history-query.js';
import {
  FilterParameters,
  HistoryParameters,
  OfferedAsTool,
  OperationIdParameter,
} from './openapi-decorators.js';
import type { Operation } from '../operation.js';
import type { OperationSnapshot } from '../../client/protocol/operation-events.js';
import { toSnapshot } from '../operation-snapshot.js';
import { cacheAudience } from '../result-cache.js';
import { LogPlaces } from '../log-places.js';
import { OperationsService } from '../operations.service.js';
import { LIST_ORDERS } from '../operation-filter.js';
import { boolean, MAX_LIST_PAGE, pageLimit, parseListQuery, withoutStatus } from './request-values.js';

const MAX_EVENT_PAGE = 1000;
const EVENT_PAGE_BYTES = 1024 * 1024;

/** Operations over REST: open, look at, list, forget. Their events are recorded by `EventsController`. */
@ApiTags('operations')
@Controller('api/operations')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
export class OperationsController {
  constructor(
    readonly operations: OperationsService,
    readonly places: LogPlaces,
  ) {}

  @Post()
  @RequireScope('operations:write')
  @ApiOperation({ operationId: 'create_operation', summary: 'Open an operation' })
  @OfferedAsTool()
  @ApiBody({ type: CreateOperationDto })
  @ApiCreatedResponse({ type: OpenedOperationDto })
  @ApiOkResponse({
    type: OpenedOperationDto,
    description:
      'The operation_id was opened before, with the same type and metadata; or another operation answers for the cache_key',
  })
  async create(
    @Body() body: unknown,
    @CurrentPrincipal() caller: Principal,
    @Res({ passthrough: true }) response: { status(code: number): unknown },
  ): Promise<OpenedOperationDto> {
    const wanted = parseCreateOperation(body);
    const { operation, created, cached } = await this.operations.create(caller.tenant, {
      operationType: wanted.operation_type,
      metadata: wanted.metadata,
      operationId: wanted.operation_id ?? undefined,
      leaseSeconds: wanted.lease_seconds,
      parentOperationId: wanted.parent_operation_id ?? undefined,
      createdBy: userOf(caller),
      cacheKey: wanted.cache_key,
      ttl: wanted.ttl,
      audience: cacheAudience(caller),
    });
    response.status(created ? 201 : 200);
    const snapshot = await this.named(operation);
    return wanted.cache_key == null ? snapshot : { ...snapshot, cached };
  }

  /** A snapshot that names the log it was folded from. */
  private async named(operation: Operation): Promise<OperationSnapshot> {
    return { ...toSnapshot(operation), log: await this.places.tokenOfOperation(operation) };
  }

  @Get()
  @RequireScope('operations:read')
  @ApiOperation({ operationId: 'list_operations', summary: 'List operations, newest first' })
  @OfferedAsTool()
  @FilterParameters()
  @ApiQuery({
    name: 'sort',
    required: false,
    schema: { type: 'string', enum: [...LIST_ORDERS], default: 'started' },
    description: 'Highest first; running operations have no duration and come last',
  })
  @ApiQuery({
    name: 'counts',
    required: false,
    schema: { type: 'boolean', default: false },
    description: 'Also count the operations that match, by state, regardless of their status',
  })
  @ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: MAX_LIST_PAGE, default: 50 },
  })
  @ApiQuery({
    name: 'cursor',
    required: false,
    schema: { type: 'string', maxLength: LIMITS.name },
    description: 'next_cursor of the page before',
  })
  @ApiOkResponse({ type: OperationListDto })
  async list(@Query() query: Record<string, unknown>, @CurrentPrincipal() caller: Principal) {
    const parsed = parseListQuery(query);
    const page = await this.operations.list(caller.tenant, parsed);
    const counts = boolean(query.counts, 'counts')
      ? await this.operations.countMatching(caller.tenant, withoutStatus(parsed))
      : undefined;
    return {
      operations: page.operations.map((operation) => toSnapshot(operation, false)),
      next_cursor: page.nextCursor,
      ...(page.incomplete && { incomplete: true }),
      ...(counts && { counts }),
    };
  }

  @Get(':id')
  @RequireScope('operations:read')
  @ApiOperation({ operationId: 'get_operation', summary: 'Snapshot of one operation' })
  @OfferedAsTool()
  @OperationIdParameter()
  @ApiOkResponse({ type: OperationDto })
  async get(@Param('id') id: string, @CurrentPrincipal() caller: Principal): Promise<OperationSnapshot> {
    return this.named(
      await this.operations.get({ tenant: caller.tenant, operationId: parseOperationId(id) }),
    );
  }

  @Get(':id/events')
  @RequireScope('operations:read')
  @Header('Content-Type', 'application/json; charset=utf-8')
  @ApiOperation({
    operationId: 'get_history',
    summary: "A page of an operation's log: all events, or those that match",
  })
  @OfferedAsTool()
  @OperationIdParameter()
  @HistoryParameters(MAX_EVENT_PAGE)
  @ApiOkResponse({ type: EventPageDto })
  async events(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @CurrentPrincipal() caller: Principal,
  ): Promise<string> {
    const key = { tenant: caller.tenant, operationId: parseOperationId(id) };
    const bounds = { limit: pageLimit(query.limit, MAX_EVENT_PAGE, 100), maxBytes: EVENT_PAGE_BYTES };
    const page = await readHistory(this, key, parseHistoryQuery(query), bounds);
    return historyJson(
      page.events.map((event) => event.json),
      page,
    );
  }

  @Delete(':id')
  @Audited('operation_deleted')
  @HttpCode(204)
  @RequireScope('operations:write')
  @ApiOperation({ operationId: 'delete_operation', summary: 'Delete an ended operation and its log' })
  @OfferedAsTool()
  @OperationIdParameter()
  @ApiNoContentResponse()
  async remove(@Param('id') id: string, @CurrentPrincipal() caller: Principal): Promise<void> {
    await this.operations.remove({ tenant: caller.tenant, operationId: parseOperationId(id) });
  }
}
