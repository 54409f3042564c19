"""Reads `event_type` and `data` of every single message, as document 001's first sample does, until the hub closes."""

import asyncio
import json
import sys

import websockets


async def follow(address, operation_id):
    async with websockets.connect(address) as hub:
        print("connected", await hub.recv(), flush=True)
        await hub.send(json.dumps({"command": "subscribe", "operation_id": operation_id}))
        async for text in hub:
            message = json.loads(text)
            print(message["event_type"], json.dumps(message["data"]), flush=True)
    print("closed", flush=True)


asyncio.run(follow(*sys.argv[1:3]))
