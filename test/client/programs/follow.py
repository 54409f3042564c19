"""Follows one operation with a library of the caller's choice until it ends, and prints what it was told."""

import asyncio
import json
import sys

library, url = sys.argv[1:3]
ENDS = ("completed", "error", "cancelled")
told = []


def take(text):
    """Returns whether the operation has ended."""
    event = json.loads(text)
    if "seq" not in event:
        return False
    told.append([event["seq"], event["event_type"], event["data"].get("message")])
    return event["event_type"] in ENDS


def with_requests():
    import requests

    with requests.get(url, stream=True, timeout=(5, 30)) as response:
        for line in response.iter_lines(decode_unicode=True):
            if line.startswith("data:") and take(line[5:]):
                return


def with_httpx():
    import httpx
    from httpx_sse import connect_sse

    with httpx.Client(timeout=30) as client, connect_sse(client, "GET", url) as source:
        for event in source.iter_sse():
            if take(event.data):
                return


SUBSCRIBE = json.dumps({"command": "subscribe", "operation_id": "followed", "after_seq": 0})


def with_websocket_client():
    import websocket

    socket = websocket.create_connection(url, timeout=30)
    socket.send(SUBSCRIBE)
    while not take(socket.recv()):
        pass
    socket.close()


async def with_websockets():
    import websockets

    async with websockets.connect(url) as socket:
        await socket.send(SUBSCRIBE)
        async for message in socket:
            if take(message):
                return


if library == "websockets":
    asyncio.run(with_websockets())
else:
    globals()["with_" + library]()
print(json.dumps(told))
