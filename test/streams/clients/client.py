"""PyPI durable-streams: client.py <direct url> <url through a proxy that loses connections>"""

import json
import sys
import threading
import time

from durable_streams import DurableStream, stream

direct, through = sys.argv[1:]
COUNT = 100
handle = DurableStream.create(f"{direct}/py", content_type="application/json")
received = []


def follow() -> None:
    offset = "-1"
    while len(received) < COUNT:
        try:
            with stream(f"{through}/py", offset=offset, live="long-poll") as response:
                for event in response.iter_events(mode="json_batches"):
                    received.extend(item["n"] for item in event.data or [])
                    offset = event.next_offset
                    if len(received) >= COUNT:
                        return
        except Exception:  # the connection was lost: go on from the offset
            time.sleep(0.02)


reader = threading.Thread(target=follow)
reader.start()
for n in range(COUNT):
    handle.append({"n": n})
    time.sleep(0.01)
reader.join(60)
with stream(f"{direct}/py", offset="-1", live=False) as response:
    again = [item["n"] for item in response.read_json()]
print(json.dumps({"received": received, "again": again}))
