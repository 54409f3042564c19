import { applyDecorators } from '@nestjs/common';
import { ApiExtension, ApiParam, ApiQuery } from '@nestjs/swagger';
import { LEVELS } from '../../client/protocol/log-level.js';
import { LIMITS, OPERATION_ID_PATTERN } from '../operation-draft.js';
import { EVENT_TYPES } from '../operation-event.js';

/** Offers an endpoint as an MCP tool of its `operationId`, unless a hand-written tool has the name. */
export const OfferedAsTool = (): MethodDecorator => ApiExtension('x-mcp', true) as MethodDecorator;

/** `{id}` of a path, as `parseOperationId` takes it. */
export const OperationIdParameter = (): MethodDecorator =>
  applyDecorators(
    ApiParam({
      name: 'id',
      description: 'Id of the operation',
      schema: { type: 'string', pattern: OPERATION_ID_PATTERN },
    }),
  );

/** The query of `parseHistoryQuery`. @param most events of a page */
export const HistoryParameters = (most: number): MethodDecorator =>
  applyDecorators(
    ApiQuery({
      name: 'after_seq',
      required: false,
      description: 'Events after this seq',
      schema: { type: 'integer', minimum: 0, default: 0 },
    }),
    ApiQuery({
      name: 'before_seq',
      required: false,
      description: 'The latest events before this seq, oldest first; beyond the end for the last ones',
      schema: { type: 'integer', minimum: 0 },
    }),
    ApiQuery({
      name: 'log',
      required: false,
      description: 'The log that the seq belongs to, as an answer named it',
      schema: { type: 'string', maxLength: LIMITS.name },
    }),
    ApiQuery({
      name: 'event_type',
      required: false,
      description: 'Only events of these types',
      style: 'form',
      explode: false,
      schema: { type: 'array', items: { type: 'string', enum: [...EVENT_TYPES] } },
    }),
    ApiQuery({
      name: 'level',
      required: false,
      description: 'The least severe level of log events; without event_type, only log events',
      schema: { type: 'string', enum: [...LEVELS] },
    }),
    ApiQuery({
      name: 'q',
      required: false,
      description: 'Text that occurs in a value of the event, in any case of letters',
      schema: { type: 'string', maxLength: LIMITS.name },
    }),
    ApiQuery({
      name: 'count',
      required: false,
      description: 'Also count what matches in the whole log',
      schema: { type: 'boolean', default: false },
    }),
    ApiQuery({
      name: 'limit',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: most, default: 100 },
    }),
  );

const text = (description: string) => ({
  required: false,
  description,
  schema: { type: 'string' as const, maxLength: LIMITS.name },
});

/** Which operations a listing is about, as `parseFilter` takes it. */
export const FilterParameters = (): MethodDecorator =>
  applyDecorators(
    ApiQuery({ name: 'status', ...text('A status, or "active" for all that have not ended') }),
    ApiQuery({ name: 'type', ...text('A type, or the beginning of one and "*": mcp.tool/*') }),
    ApiQuery({ name: 'q', ...text('Text in the id, the type, the message or the metadata') }),
    ApiQuery({ name: 'started_after', ...text('Unix seconds or ISO 8601, this moment included') }),
    ApiQuery({ name: 'started_before', ...text('Unix seconds or ISO 8601, this moment excluded') }),
    ApiQuery({
      name: 'min_duration',
      required: false,
      description: 'Seconds; only operations that have ended have a duration',
      schema: { type: 'number', minimum: 0 },
    }),
    ApiQuery({
      name: 'has_errors',
      required: false,
      description: 'Whether anything went wrong: it failed, or logged an error',
      schema: { type: 'boolean' },
    }),
    ApiQuery({ name: 'parent_operation_id', ...text('The parts of this operation') }),
    ApiQuery({ name: 'created_by', ...text('The user who opened it') }),
  );
