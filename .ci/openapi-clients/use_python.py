"""The client that openapi-python-client makes, doing the same."""

import sys

from opstream_client import Client
from opstream_client.api.events import cancel_operation, emit_log, emit_result
from opstream_client.api.operations import create_operation, delete_operation, get_history, get_operation
from opstream_client.models import CreateOperationDto, LogDto, ProblemDto, ResultDto

client = Client(base_url=sys.argv[1])

for result in ({'ok': True}, [1, 'two'], 'text', 4.5, False, None):
    opened = create_operation.sync(client=client, body=CreateOperationDto(operation_type='build'))
    at = opened.operation_id
    emit_log.sync(at, client=client, body=LogDto(message='m'))
    emit_result.sync(at, client=client, body=ResultDto(result=result))
    read = get_operation.sync(at, client=client)
    assert (read.status, read.result) == ('completed', result), (read, result)
    assert len(get_history.sync(at, client=client).events) == 4
    late = emit_log.sync(at, client=client, body=LogDto(message='late'))
    assert isinstance(late, ProblemDto) and late['state'] == 'completed', late
    assert delete_operation.sync_detailed(at, client=client).status_code == 204

opened = create_operation.sync(client=client, body=CreateOperationDto(operation_type='build'))
# It sends the type of a body, and none.
assert cancel_operation.sync(opened.operation_id, client=client).status == 'cancelled'
