"""The Python SDK 2.x as a peer. Arguments: port, `stateless` or `sessions`."""

import asyncio
import sys

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("sdk2-py", log_level="ERROR")


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


server.run(
    transport="streamable-http",
    host="127.0.0.1",
    port=int(sys.argv[1]),
    stateless_http=sys.argv[2] == "stateless",
)
