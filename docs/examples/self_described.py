"""A device that describes itself, over WebSocket. Needs the package `websockets`; see docs/self-describing-devices.md."""
import asyncio
import json
import sys

import websockets

URL = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:54817/"
KEEPALIVE = 1000  # milliseconds: the server says something at least this often
GREETING = {
    "identifier": "example-python", "address": "example-0001", "version": 1,
    "name": "Python Example", "keepalive": KEEPALIVE,
    "features": {
        "0": {"FeatureIndex": 0, "FeatureDescription": "Motor", "Output": {"Vibrate": {"Value": [0, 100]}}},
        "1": {"FeatureIndex": 1, "FeatureDescription": "Slider",
              "Output": {"HwPositionWithDuration": {"Value": [0, 999], "Duration": [0, 10000]}}},
        "2": {"FeatureIndex": 2, "FeatureDescription": "Battery",
              "Input": {"Battery": {"Value": [[0, 100]], "Command": ["Read", "Subscribe"]}}},
    },
}


def drive(feature, output, value, duration=0):
    """Here the hardware would be set."""
    print(f"feature {feature}: {output} {value} in {duration} ms", flush=True)


def stop():
    """Called whenever the server cannot be heard: nothing may keep running then."""
    print("stopped", flush=True)


def obey(line):
    """Does what one line says, and gives the answer if there is one."""
    if "output" in line and line.get("stop"):
        print(f"feature {line['feature']}: {line['output']} ends where it is", flush=True)
    elif "output" in line:
        drive(line["feature"], line["output"], line["value"], line.get("duration", 0))
    elif line.get("command") in ("Read", "Subscribe"):
        return {"feature": line["feature"], "input": line["input"], "value": 87}
    return None


async def serve():
    async with websockets.connect(URL) as link:
        await link.send(json.dumps(GREETING))
        while True:
            line = json.loads(await asyncio.wait_for(link.recv(), 3 * KEEPALIVE / 1000))
            if answer := obey(line):
                await link.send(json.dumps(answer))


while True:
    try:
        asyncio.run(serve())
    except (OSError, asyncio.TimeoutError, websockets.WebSocketException) as error:
        print(f"not connected: {error}", file=sys.stderr)
    finally:
        stop()
    asyncio.run(asyncio.sleep(1))
