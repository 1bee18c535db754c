"""buttplug-py, told to speak v2 or v3 by INTEROP_SPEC (default 3).

Its v0 and v1 fail in the client itself: v0 takes the list of names for a dictionary, v1 wants a StepCount,
which that version does not have.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from client import main
from buttplug import Client, ProtocolSpec, WebsocketConnector
from buttplug.messages import v2

spec = int(os.environ.get("INTEROP_SPEC", "3"))
client = Client(f"interop buttplug-py v{spec}", ProtocolSpec(spec))


def parts(device, kind):
    """Actuators are told apart by class (v2) or by type (v3)."""
    return [a for a in device.actuators if kind in type(a).__name__ or getattr(a, "type", None) == kind]


def batteries(device):
    return [s for s in device.sensors if "Battery" in type(s).__name__ or getattr(s, "type", None) == "Battery"]


class Adapter:
    async def connect(self, url):
        await client.connect(WebsocketConnector(url))

    def devices(self):
        return [
            {
                "name": d.name, "index": d.index, "handle": d,
                "can": {
                    "vibrate": bool(parts(d, "Vibrate")), "rotate": bool(d.rotatory_actuators),
                    "linear": bool(d.linear_actuators), "battery": bool(batteries(d)),
                },
            }
            for d in client.devices.values()
        ]

    async def scan(self):
        self.scanning = await client.start_scanning()

    async def stop_scan(self):
        if self.scanning is None or self.scanning.done():
            return  # the scan is over already, and this client refuses to stop it then
        await client.stop_scanning()

    async def vibrate(self, d):
        for actuator in parts(d, "Vibrate"):
            await actuator.command(0.5)

    async def rotate(self, d):
        await d.rotatory_actuators[0].command(0.5, True)

    async def linear(self, d):
        await d.linear_actuators[0].command(500, 0.5)

    async def stop(self, d):
        await d.stop()

    async def stop_all(self):
        await client.stop_all()

    async def disconnect(self):
        await client.disconnect()


class WithBattery(Adapter):
    async def battery(self, d):
        if spec == 2:  # the sensor object of this client cannot read in v2, its message can
            return (await d.send(v2.BatteryLevelCmd(d.index))).battery_level
        (level,) = await batteries(d)[0].read()
        return level / 100


main(f"py-buttplug-py-0.2.0-v{spec}", spec, WithBattery())
