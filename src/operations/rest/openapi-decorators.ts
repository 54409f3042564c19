import { applyDecorators } from '@nestjs/common';
import { ApiExtension, ApiParam } from '@nestjs/swagger';
import { OPERATION_ID_PATTERN } from '../operation-draft.js';

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
