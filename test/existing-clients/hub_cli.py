"""The four modes of document 001's command line client: <operation-id>, monitor, stats and interactive."""

import asyncio
import json
import sys

import websockets


def show(message):
    """Reads what the document's client reads of each kind of event; a missing member ends the program."""
    kind, data = message["event_type"], message["data"]
    if kind == "progress":
        text = f"{data['progress'] * 100:.1f}% {data['message']} {json.dumps(data['details'])}"
    elif kind == "status":
        text = data["status"]
    elif kind == "log":
        text = f"{data['level'].upper()} {data['message']}"
    elif kind == "result":
        text = json.dumps(data["result"])
    elif kind == "completed":
        text = f"{data['status']} after {data['duration']:.2f}s"
    elif kind == "error":
        text = f"{data['error_type']}: {data['error']}"
    else:
        text = json.dumps(data)
    print(kind, message["operation_id"], f"{message['timestamp']:.3f}", text, flush=True)


async def stream(hub, operation_id):
    await hub.send(json.dumps({"command": "subscribe", "operation_id": operation_id}))
    confirmed = json.loads(await hub.recv())
    print(confirmed["status"], confirmed["operation_id"], flush=True)
    async for text in hub:
        message = json.loads(text)
        show(message)
        if message["event_type"] in ("completed", "error"):
            return


async def monitor(hub):
    """Sends nothing at all: whatever there is has to come by itself."""
    async for text in hub:
        show(json.loads(text))


async def stats(hub):
    await hub.send(json.dumps({"command": "get_stats"}))
    counters = json.loads(await hub.recv())["stats"]
    for name in ("connected_clients", "active_operations", "total_operations", "subscriptions"):
        print(name, counters[name], flush=True)


async def interactive(hub):
    """One line of input is one command; everything that arrives is shown, answers as well."""

    async def listen():
        async for text in hub:
            show(json.loads(text))

    listener = asyncio.create_task(listen())
    loop = asyncio.get_running_loop()
    while True:
        words = (await loop.run_in_executor(None, sys.stdin.readline)).split()
        if not words or words[0] == "quit":
            break
        if words[0] == "subscribe":
            command = {"command": "subscribe", "operation_id": words[1]}
        elif words[0] == "get":
            command = {"command": "get_operation", "operation_id": words[1]}
        else:
            command = {"command": "get_stats"}
        await hub.send(json.dumps(command))
    # A listener that has ended by itself has stumbled over a message.
    print("listening" if not listener.done() else f"stopped {listener.exception()!r}", flush=True)
    listener.cancel()


async def main(address, mode):
    async with websockets.connect(address) as hub:
        welcome = json.loads(await hub.recv())
        print("welcome", welcome["data"]["client_id"], welcome["data"]["message"], flush=True)
        if mode == "monitor":
            await monitor(hub)
        elif mode == "stats":
            await stats(hub)
        elif mode == "interactive":
            await interactive(hub)
        else:
            await stream(hub, mode)


asyncio.run(main(*sys.argv[1:3]))
