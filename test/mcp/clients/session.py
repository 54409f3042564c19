"""Talks to the service through Python's MCP packages, and writes what came of each step."""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack

MODE, URL = sys.argv[1], sys.argv[2]


def say(**what):
    print(json.dumps(what), flush=True)


async def told():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


class Session:
    """SDK 1.x: `ClientSession` on a transport."""

    async def open(self):
        from mcp import ClientSession

        self.stack = AsyncExitStack()
        if MODE == "v1-ws":
            from mcp.client.websocket import websocket_client

            read, write = await self.stack.enter_async_context(websocket_client(URL))
        elif MODE == "v1-sse":
            from mcp.client.sse import sse_client

            read, write = await self.stack.enter_async_context(sse_client(URL))
        else:
            from mcp.client.streamable_http import streamablehttp_client

            read, write, _ = await self.stack.enter_async_context(streamablehttp_client(URL))
        self.session = await self.stack.enter_async_context(ClientSession(read, write))
        await self.session.initialize()
        return self

    async def list(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, arguments, progress=None):
        result = await self.session.call_tool(name, arguments, progress_callback=progress)
        return "".join(getattr(block, "text", "") for block in result.content)

    async def read(self, uri):
        from pydantic import AnyUrl

        return (await self.session.read_resource(AnyUrl(uri))).contents[0].text

    async def close(self):
        await self.stack.aclose()


class Client2:
    """SDK 2.x: `Client`, in sessions or not."""

    async def open(self):
        from mcp import Client

        self.stack = AsyncExitStack()
        options = {"mode": "legacy"} if MODE == "v2-legacy" else {}
        self.client = await self.stack.enter_async_context(Client(URL, **options))
        return self

    async def list(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name, arguments, progress=None):
        result = await self.client.call_tool(name, arguments, progress_callback=progress)
        return "".join(getattr(block, "text", "") for block in result.content)

    async def read(self, uri):
        return (await self.client.read_resource(uri)).contents[0].text

    async def close(self):
        await self.stack.aclose()


class Langchain:
    """langchain-mcp-adapters: a session for each call."""

    async def open(self):
        from langchain_mcp_adapters.client import MultiServerMCPClient

        transport = "websocket" if URL.startswith("ws") else "streamable_http"
        self.client = MultiServerMCPClient({"o": {"transport": transport, "url": URL}})
        return self

    async def list(self):
        return [tool.name for tool in await self.client.get_tools()]

    async def call(self, name, arguments, progress=None):
        tool = next(tool for tool in await self.client.get_tools() if tool.name == name)
        result = await tool.ainvoke(arguments)
        if isinstance(result, str):
            return result
        return "".join(block.get("text", "") if isinstance(block, dict) else str(block) for block in result)

    read = None

    async def close(self):
        pass


KIND = {"langchain": Langchain}.get(MODE, Client2 if MODE.startswith("v2") else Session)


async def main():
    client = await KIND().open()
    seen = []

    async def progress(value, total=None, message=None):
        seen.append(value)

    listed = await client.list()
    item = await client.call("get_item", {"item_id": 7})
    await client.call("processData", {"datasetSize": 12}, progress)
    name = f"real-{os.getpid()}"
    created = await client.call("create_operation", {"operation_type": "real", "operation_id": name, "metadata": None})
    read = await client.read(f"operation://{name}") if client.read else None
    task = asyncio.create_task(client.call("processData", {"datasetSize": 5000}))
    await asyncio.sleep(0.4)
    task.cancel()
    try:
        await task
        cancelled = "ended"
    except asyncio.CancelledError:
        cancelled = "cancelled"
    say(listed=listed, item=item, progress=seen, created=created, read=read, cancelled=cancelled)
    await told()
    same = True
    try:
        again = await asyncio.wait_for(client.call("get_item", {"item_id": 8}), 10)
    except BaseException:
        same = False
        client = await KIND().open()
        again = await client.call("get_item", {"item_id": 8})
    say(same=same, again=again)
    os._exit(0)


asyncio.run(main())
