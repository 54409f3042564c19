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


class Adapt:
    """mcpadapt, which crewAI and smolagents use: tools as functions, and null for every argument that is left out."""

    def __init__(self, url=URL, headers=None):
        self.url, self.headers = url, headers

    async def open(self):
        from mcpadapt.core import MCPAdapt, ToolAdapter

        class Functions(ToolAdapter):
            def adapt(self, func, mcp_tool):
                return mcp_tool, func

        parameters = {"url": self.url, "transport": "streamable-http", "headers": self.headers}
        adapter = MCPAdapt(parameters, Functions(), client_session_timeout_seconds=30.0)
        await asyncio.to_thread(adapter.start)
        self.tools = {tool.name: (tool, func) for tool, func in await asyncio.to_thread(adapter.tools)}
        return self

    async def list(self):
        return list(self.tools)

    async def call(self, name, arguments, progress=None):
        tool, func = self.tools[name]
        filled = {argument: None for argument in tool.inputSchema.get("properties", {})} | arguments
        result = await asyncio.to_thread(func, filled)
        text = "".join(getattr(block, "text", "") for block in result.content)
        if result.isError:
            raise RuntimeError(text)
        return text

    read = None


async def call_all(client, name):
    """Calls every tool that the test names; what is not "ok" is the error."""
    called = {}
    for tool, arguments in json.loads(os.environ["CLIENT_TOOLS"].replace("$ID", name)):
        try:
            await client.call(tool, arguments)
            called[tool] = "ok"
        except Exception as error:
            called[tool] = str(error)
    return called


async def both_tokens(client, name):
    """Every tool, with the token in a header and in the address."""
    query = await Adapt(os.environ["CLIENT_QUERY_URL"]).open()
    return {"header": await call_all(client, name + "-header"), "query": await call_all(query, name + "-query")}


def opened():
    if MODE == "adapt":
        return Adapt(headers={"Authorization": "Bearer " + os.environ["CLIENT_TOKEN"]}).open()
    return KIND().open()


KIND = {"langchain": Langchain}.get(MODE, Client2 if MODE.startswith("v2") else Session)


async def main():
    client = await opened()
    seen = []

    async def progress(value, total=None, message=None):
        seen.append(value)

    listed = await client.list()
    item = await client.call("get_item", {"item_id": 7})
    await client.call("processData", {"datasetSize": 12}, progress)
    name = f"real-{os.getpid()}"
    created = await client.call("create_operation", {"operation_type": "real", "operation_id": name, "metadata": None})
    read = await client.read(f"operation://{name}") if client.read else None
    task = asyncio.create_task(client.call("processData", {"datasetSize": int(os.environ.get("CLIENT_SIZE", "5000"))}))
    await asyncio.sleep(0.4)
    task.cancel()
    try:
        await task
        cancelled = "ended"
    except asyncio.CancelledError:
        cancelled = "cancelled"
    called = await both_tokens(client, name) if MODE == "adapt" else None
    say(called=called, listed=listed, item=item, progress=seen, created=created, read=read, cancelled=cancelled)
    await told()
    same = True
    try:
        again = await asyncio.wait_for(client.call("get_item", {"item_id": 8}), 10)
    except BaseException:
        same = False
        client = await opened()
        again = await client.call("get_item", {"item_id": 8})
    say(same=same, again=again)
    os._exit(0)


asyncio.run(main())
