"""Prints progress as percentages and ends with the operation, as document 001's monitoring sample does."""

import asyncio
import json
import sys

import websockets


async def monitor(address, operation_id):
    async with websockets.connect(address) as hub:
        await hub.recv()
        await hub.send(json.dumps({"command": "subscribe", "operation_id": operation_id}))
        print("monitoring", operation_id, flush=True)
        async for text in hub:
            event = json.loads(text)
            if event["event_type"] == "progress":
                share, note = event["data"]["progress"], event["data"]["message"]
                print(f"[{share * 100:.0f}%] {note}", flush=True)
            elif event["event_type"] == "completed":
                print(f"completed in {event['data']['duration']:.2f}s", flush=True)
                return
            elif event["event_type"] == "error":
                print("error:", event["data"]["error"], flush=True)
                return


asyncio.run(monitor(*sys.argv[1:3]))
