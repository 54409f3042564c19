"""Ends calls in every way that a client has, and stays connected."""

import asyncio
import json
import sys

MODE, URL = sys.argv[1], sys.argv[2]


async def ignore(*_args):
    pass


async def end_calls(call, timeout):
    for _ in range(2):
        task = asyncio.create_task(call("processData", {"datasetSize": 3000}))
        await asyncio.sleep(0.3)
        task.cancel()
        for ending in (task, timeout(), call("processData", {"datasetSize": 3}), call("no_such_tool", {})):
            try:
                await ending
            except (Exception, asyncio.CancelledError):
                pass
    print(json.dumps({"done": True}), flush=True)
    await asyncio.sleep(60)


async def v1():
    from datetime import timedelta

    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async with streamablehttp_client(URL) as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        soon = timedelta(seconds=0.3)
        await end_calls(
            lambda name, arguments: session.call_tool(name, arguments, progress_callback=ignore),
            lambda: session.call_tool("processData", {"datasetSize": 3000}, read_timeout_seconds=soon),
        )


async def v2():
    from mcp import Client

    async with Client(URL, mode="legacy") as client:
        await end_calls(
            lambda name, arguments: client.call_tool(name, arguments, progress_callback=ignore),
            lambda: client.call_tool("processData", {"datasetSize": 3000}, read_timeout_seconds=0.3),
        )


asyncio.run(v1() if MODE == "v1" else v2())
