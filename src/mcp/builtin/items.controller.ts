import { Controller, Get, Param, ParseIntPipe, UseGuards } from '@nestjs/common';
import { ApiExtension, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { AuthGuard } from '../../auth/auth.guard.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';

interface Item {
  readonly item_id: number;
  readonly name: string;
}

/** A plain HTTP endpoint that becomes the MCP tool `get_item` through `x-mcp`. */
@ApiTags('demo')
@ApiExtension('x-mcp', true)
@Controller('items')
@UseGuards(AuthGuard)
export class ItemsController {
  @Get(':item_id')
  @ApiOperation({ operationId: 'get_item', summary: 'Get one item by its id' })
  @ApiParam({ name: 'item_id', schema: { type: 'integer' } })
  @ApiOkResponse({
    schema: {
      type: 'object',
      properties: { item_id: { type: 'integer' }, name: { type: 'string', example: 'Item 1' } },
    },
  })
  getItem(@Param('item_id', ParseIntPipe) itemId: number): Item {
    if (!Number.isSafeInteger(itemId)) {
      throw new OpstreamError('invalid_request', 'item_id is beyond the range of exact integers');
    }
    return { item_id: itemId, name: `Item ${itemId}` };
  }
}
