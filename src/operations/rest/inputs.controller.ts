import { Body, Controller, Delete, HttpCode, Param, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { AuditLog } from '../../auth/audit-log.js';
import { AuthGuard, RequireScope, type AuthenticatedRequest } from '../../auth/auth.guard.js';
import { CurrentPrincipal } from '../../auth/current-principal.decorator.js';
import type { Principal } from '../../auth/principal.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { isJsonObject, type JsonObject } from '../../platform/json.js';
import { ProblemDetailsFilter } from '../../rest/problem-details.filter.js';
import { InputsService } from '../inputs.service.js';
import { parseInputKey } from '../input-draft.js';
import { parseOperationId } from '../operation-draft.js';
import { INPUT_LIMITS } from '../operation-input.js';
import { AnswerInputDto, InputReceiptDto, RequestInputDto } from './dto/input.dto.js';
import { parseAnswer } from './input-body.js';
import { ReceiptDto } from './dto/event-data.dto.js';
import { OperationIdParameter } from './openapi-decorators.js';

const InputKeyParameter = () =>
  ApiParam({ name: 'key', schema: { type: 'string', minLength: 1, maxLength: INPUT_LIMITS.key } });

/** Input requests over REST: running work asks, a person or program answers. */
@ApiTags('input')
@Controller('api/operations/:id/input')
@UseGuards(AuthGuard)
@UseFilters(ProblemDetailsFilter)
@RequireScope('operations:write')
export class InputsController {
  constructor(
    private readonly inputs: InputsService,
    private readonly audit: AuditLog,
  ) {}

  @Post()
  @OperationIdParameter()
  @ApiOperation({ operationId: 'request_input', summary: 'Ask for input; the status becomes input_required' })
  @ApiBody({ type: RequestInputDto })
  @ApiCreatedResponse({ type: InputReceiptDto })
  async request(
    @Param('id') id: string,
    @Body() body: unknown,
    @CurrentPrincipal() { tenant }: Principal,
  ): Promise<InputReceiptDto> {
    const operationId = parseOperationId(id);
    const { event_id: eventId, ...fields } = parseBody(body, REQUEST_FIELDS);
    const key = parseInputKey(fields.key);
    const { message, schema, timeout } = fields;
    const receipt = await this.inputs.request(
      { tenant, operationId },
      { message, schema, key, timeout },
      eventId,
    );
    const { seq, timestamp, repeated } = receipt;
    return { operation_id: operationId, key, seq, timestamp, repeated };
  }

  @Post(':key')
  @HttpCode(200)
  @OperationIdParameter()
  @InputKeyParameter()
  @ApiOperation({
    operationId: 'answer_input',
    summary: 'Answer or decline an open request; the first one counts',
  })
  @ApiBody({ type: AnswerInputDto })
  @ApiOkResponse({ type: ReceiptDto })
  async answer(
    @Param('id') id: string,
    @Param('key') inputKey: string,
    @Body() body: unknown,
    @CurrentPrincipal() caller: Principal,
    @Req() request: AuthenticatedRequest,
  ): Promise<ReceiptDto> {
    const operationId = parseOperationId(id);
    // Also where the answer is a repeated one, which nobody looks up by its key.
    const name = parseInputKey(inputKey);
    const { answer, declined, event_id: eventId } = parseBody(body, ANSWER_FIELDS);
    const given = parseAnswer(answer, declined);
    const key = { tenant: caller.tenant, operationId };
    const receipt = await this.inputs.answer(key, name, { ...given, by: caller.userId }, eventId);
    const { seq, timestamp, repeated } = receipt;
    const action = given.declined ? 'input_declined' : 'input_answered';
    if (!repeated) this.audit.acted(action, caller, request, { target: operationId, key: name });
    return { operation_id: operationId, seq, timestamp, repeated };
  }

  @Delete(':key')
  @HttpCode(204)
  @OperationIdParameter()
  @InputKeyParameter()
  @ApiOperation({ operationId: 'withdraw_input', summary: 'Withdraw an open request' })
  @ApiNoContentResponse()
  async withdraw(
    @Param('id') id: string,
    @Param('key') inputKey: string,
    @CurrentPrincipal() { tenant, userId }: Principal,
  ): Promise<void> {
    await this.inputs.withdraw({ tenant, operationId: parseOperationId(id) }, inputKey, userId);
  }
}

const REQUEST_FIELDS = new Set(['message', 'schema', 'key', 'timeout', 'event_id']);
const ANSWER_FIELDS = new Set(['answer', 'declined', 'event_id']);

function parseBody(body: unknown, allowed: ReadonlySet<string>): JsonObject {
  if (!isJsonObject(body)) throw new OpstreamError('invalid_request', 'The body must be a JSON object');
  for (const member in body) {
    if (!allowed.has(member)) {
      throw new OpstreamError('invalid_request', `The body has no field "${member.slice(0, 50)}"`);
    }
  }
  return body;
}
