import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from client import main
from buttplug.client import ButtplugClient, ButtplugClientWebsocketConnector

client = ButtplugClient("interop python 0.3")


class Adapter:
    async def connect(self, url):
        await client.connect(ButtplugClientWebsocketConnector(url))

    def devices(self):
        return [
            {
                "name": d.name, "index": index, "handle": d,
                "can": {
                    "vibrate": "VibrateCmd" in d.allowed_messages, "rotate": "RotateCmd" in d.allowed_messages,
                    "linear": "LinearCmd" in d.allowed_messages,
                },
            }
            for index, d in client.devices.items()
        ]

    async def scan(self):
        await client.start_scanning()

    async def stop_scan(self):
        await client.stop_scanning()

    async def vibrate(self, d):
        await d.send_vibrate_cmd(0.5)

    async def rotate(self, d):
        await d.send_rotate_cmd((0.5, True))

    async def linear(self, d):
        await d.send_linear_cmd((500, 0.5))

    async def stop(self, d):
        await d.send_stop_device_cmd()

    async def disconnect(self):
        await client.disconnect()


main("py-buttplug-0.3.0", 1, Adapter())
