"""Makes the calls it is told, one a line, through Python's MCP SDK 1.x, and writes what each answers."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack

from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamablehttp_client
from pydantic import AnyUrl

URL, TOKENS = sys.argv[1], json.loads(sys.argv[2])


def say(what):
    print(json.dumps(what), flush=True)


async def answer(session, told):
    try:
        if "uri" in told:
            result = await session.read_resource(AnyUrl(told["uri"]))
            return {"text": result.contents[0].text, "mimeType": result.contents[0].mimeType}
        if "list" in told:
            return (await session.list_tools()).model_dump(mode="json", by_alias=True)
        result = await session.call_tool(told["tool"], told["arguments"])
        return {"isError": result.isError, "structured": result.structuredContent,
                "text": "".join(getattr(block, "text", "") for block in result.content)}
    except McpError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}


async def main():
    async with AsyncExitStack() as stack:
        sessions = {}
        for name, token in TOKENS.items():
            transport = streamablehttp_client(URL, headers={"Authorization": f"Bearer {token}"})
            read, write, _ = await stack.enter_async_context(transport)
            sessions[name] = await stack.enter_async_context(ClientSession(read, write))
            await sessions[name].initialize()
        say({"ready": True})
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            told = json.loads(line)
            say(await answer(sessions[told["connection"]], told))


asyncio.run(main())
