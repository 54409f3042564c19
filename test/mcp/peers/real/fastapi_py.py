"""fastapi-mcp as a peer: the endpoints of an application are tools. Argument: port."""

import asyncio
import sys

import uvicorn
from fastapi import FastAPI
from fastapi_mcp import FastApiMCP

app = FastAPI()


@app.get("/echo", operation_id="echo")
async def echo(text: str) -> str:
    """Says it again"""
    return text


@app.get("/count", operation_id="count")
async def count(to: int, every_ms: int) -> str:
    """Counts"""
    for _ in range(to):
        await asyncio.sleep(every_ms / 1000)
    return f"counted to {to}"


FastApiMCP(app).mount_http()
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
