"""The Python SDK 1.x as a peer. Arguments: port, `stateless`, `sessions` or `websocket`."""

import asyncio
import sys

from mcp.server.fastmcp import Context, FastMCP

port, mode = int(sys.argv[1]), sys.argv[2]
server = FastMCP("sdk1-py", host="127.0.0.1", port=port, stateless_http=mode == "stateless", log_level="ERROR")


@server.tool()
def echo(text: str) -> str:
    """Says it again"""
    return text


@server.tool()
async def count(to: int, every_ms: int, ctx: Context) -> str:
    """Counts with progress and log lines"""
    for n in range(1, to + 1):
        await ctx.report_progress(n, to)
        await ctx.info(f"line {n} of {to}")
        await asyncio.sleep(every_ms / 1000)
    return f"counted to {to}"


if mode == "websocket":
    import uvicorn
    from mcp.server.websocket import websocket_server
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute

    async def serve(websocket):
        async with websocket_server(websocket.scope, websocket.receive, websocket.send) as (read, write):
            inner = server._mcp_server
            await inner.run(read, write, inner.create_initialization_options())

    app = Starlette(routes=[WebSocketRoute("/mcp", serve)])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
else:
    server.run(transport="streamable-http")
