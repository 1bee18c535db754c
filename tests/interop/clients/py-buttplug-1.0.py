import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from client import main
from buttplug import ButtplugClient, DeviceOutputCommand, InputType, OutputType

client = ButtplugClient("interop python 1.0")


class Adapter:
    async def connect(self, url):
        await client.connect(url)

    def devices(self):
        return [
            {
                "name": d.name, "index": d.index, "handle": d,
                "can": {
                    "vibrate": d.has_output(OutputType.VIBRATE), "rotate": d.has_output(OutputType.ROTATE),
                    "linear": d.has_output(OutputType.POSITION_WITH_DURATION), "battery": d.has_input(InputType.BATTERY),
                },
            }
            for d in client.devices.values()
        ]

    async def scan(self):
        await client.start_scanning()

    async def stop_scan(self):
        await client.stop_scanning()

    async def vibrate(self, d):
        await d.run_output(DeviceOutputCommand(OutputType.VIBRATE, 0.5))

    async def rotate(self, d):
        await d.run_output(DeviceOutputCommand(OutputType.ROTATE, 0.5))

    async def linear(self, d):
        await d.run_output(DeviceOutputCommand(OutputType.POSITION_WITH_DURATION, 0.5, duration=500))

    async def stop(self, d):
        await d.stop()

    async def battery(self, d):
        return await d.battery()

    async def stop_all(self):
        await client.stop_all_devices()

    async def disconnect(self):
        await client.disconnect()


main("py-buttplug-1.0.0", 4, Adapter())
