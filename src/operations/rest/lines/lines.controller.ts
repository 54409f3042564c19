import type { IncomingMessage } from 'node:http';
import {
  applyDecorators,
  Controller,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Req,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiOperation,
  ApiProperty,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { AuthGuard, type AuthenticatedRequest, RequireScope } from '../../../auth/auth.guard.js';
import { clientAddress } from '../../../auth/client-address.js';
import { ConnectionLimit } from '../../../auth/connection-limit.js';
import { anonymousPrincipal, userOf } from '../../../auth/principal.js';
import { Configuration } from '../../../config/configuration.js';
import { STREAMED_BODY } from '../../../rest/body/fastify-body.js';
import { unpackedStream } from '../../../rest/body/unpacked-stream.js';
import { ProblemDetailsFilter } from '../../../rest/problem-details.filter.js';
import {
  LIMITS,
  OPERATION_ID_PATTERN,
  parseOperationId,
  parseOperationType,
  PRINTABLE_PATTERN,
} from '../../operation-draft.js';
import { toSnapshot } from '../../operation-snapshot.js';
import { OperationsService } from '../../operations.service.js';
import { OperationDto } from '../dto/operation.dto.js';
import { OperationIdParameter } from '../openapi-decorators.js';
import { boolean, onlyParameters } from '../request-values.js';
import { endingOf, LinesUpload, MAX_REASON, type UploadTarget } from './lines-upload.js';

/** The type of an operation that was opened by its lines. */
const DEFAULT_TYPE = 'lines';

const PARAMETERS = ['open', 'operation_type', 'parent_operation_id', 'end', 'reason'];

class LinesReceiptDto {
  @ApiProperty({ type: OperationDto }) operation: OperationDto;
  @ApiProperty({ type: 'integer', description: 'Events recorded of this upload' }) recorded: number;
}

/** Fastify's request holds Node's; Express's is one, and may have read the body. */
type UploadRequest = AuthenticatedRequest & { readonly raw?: IncomingMessage; readonly body?: unknown };

/** The description of an upload of lines, which two methods share. */
function UploadOfLines(operationId: string, summary: string): MethodDecorator {
  return applyDecorators(
    OperationIdParameter(),
    ApiOperation({ operationId, summary }),
    ApiQuery({
      name: 'open',
      required: false,
      description: 'Open the operation if there is none',
      schema: { type: 'boolean', default: false },
    }),
    ApiQuery({
      name: 'parent_operation_id',
      required: false,
      description: 'With open: the operation that this one is a part of',
      schema: { type: 'string', pattern: OPERATION_ID_PATTERN },
    }),
    ApiQuery({
      name: 'operation_type',
      required: false,
      description: 'Type of the operation that is opened',
      schema: {
        type: 'string',
        minLength: 1,
        maxLength: LIMITS.name,
        pattern: PRINTABLE_PATTERN,
        default: DEFAULT_TYPE,
      },
    }),
    ApiQuery({
      name: 'end',
      required: false,
      description: 'How the operation ends after the upload; without it, it stays open',
      schema: { type: 'string', enum: ['completed', 'error', 'cancelled'] },
    }),
    ApiQuery({
      name: 'reason',
      required: false,
      description: 'With end=error or end=cancelled: why',
      schema: { type: 'string', maxLength: MAX_REASON },
    }),
    // One type, because generators make a method of each; the service looks at the body itself.
    ApiConsumes('application/octet-stream'),
    ApiBody({
      required: true,
      schema: { type: 'string', format: 'binary' },
      description: 'Text; any Content-Type is taken, or none',
    }),
    ApiCreatedResponse({ type: LinesReceiptDto }),
  );
}

/** Takes the output of producers that cannot be changed, and records it while it arrives. */
@ApiTags('events')
@Controller('api/operations/:id/lines')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('operations:write')
export class LinesController {
  private readonly places: ConnectionLimit;
  private readonly trustProxy: boolean;

  constructor(
    private readonly operations: OperationsService,
    { streaming, http }: Configuration,
  ) {
    this.places = new ConnectionLimit(streaming.maxStreamsPerUser);
    this.trustProxy = http.trustProxy;
  }

  @Post()
  @HttpCode(201)
  @RouteConfig(STREAMED_BODY)
  @UploadOfLines('emit_lines', 'Record lines of text, NDJSON or a JSON array while they arrive')
  post(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Req() request: UploadRequest,
  ): Promise<object> {
    return this.take(parseOperationId(id), query, request);
  }

  @Put()
  @HttpCode(201)
  @RouteConfig(STREAMED_BODY)
  @UploadOfLines('put_lines', 'The same as POST, for programs that can only PUT')
  put(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Req() request: UploadRequest,
  ): Promise<object> {
    return this.take(parseOperationId(id), query, request);
  }

  private async take(
    operationId: string,
    query: Record<string, unknown>,
    request: UploadRequest,
  ): Promise<object> {
    const principal = request.principal ?? anonymousPrincipal;
    onlyParameters(query, PARAMETERS);
    const end = endingOf(query.end, query.reason);
    const target = { tenant: principal.tenant, operationId, user: userOf(principal) };
    const giveBack = this.places.reserve(principal, clientAddress(request, this.trustProxy));
    try {
      await this.open(target, query);
      const upload = new LinesUpload(this.operations, target);
      const isForm = /^application\/x-www-form-urlencoded/i.test(request.headers['content-type'] ?? '');
      const { operation, recorded } = await upload.run(bodyOf(request), isForm, end);
      return { operation: toSnapshot(operation), recorded };
    } finally {
      giveBack();
    }
  }

  /** @throws OpstreamError `operation_not_found` for an operation that does not exist and is not to be opened */
  private async open(
    { tenant, operationId, user }: UploadTarget,
    query: Record<string, unknown>,
  ): Promise<void> {
    const open = boolean(query.open, 'open');
    const operationType = parseOperationType(query.operation_type ?? DEFAULT_TYPE);
    if (open && (await this.operations.find({ tenant, operationId })) === null) {
      await this.operations.create(tenant, {
        operationType,
        operationId,
        parentOperationId: query.parent_operation_id,
        createdBy: user,
      });
      return;
    }
    await this.operations.get({ tenant, operationId });
  }
}

/** The body as it arrives; where a host application's parser has read it, what that made of it. */
function bodyOf(request: UploadRequest): AsyncIterable<Buffer> {
  const raw = request.raw ?? (request as unknown as IncomingMessage);
  const { body } = request;
  const isRead = raw.readableEnded && body !== undefined && body !== raw;
  return isRead ? parsed(body) : unpackedStream(raw);
}

async function* parsed(body: unknown): AsyncGenerator<Buffer> {
  yield Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
