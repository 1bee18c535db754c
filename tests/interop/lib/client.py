"""The one script every Python client runs; see client.mjs. Adapter: the same names, in snake case."""
import asyncio
import json
import os
import sys
import time

STEP_S = 5.0
SESSION_S = 30.0


def main(client, spec, adapter):
    if len(sys.argv) < 2 and "INTEROP_URL" not in os.environ:
        sys.exit("usage: python NAME.py URL [hold]")
    url = sys.argv[1] if len(sys.argv) > 1 else os.environ["INTEROP_URL"]
    mode = sys.argv[2] if len(sys.argv) > 2 else "session"
    result = {"client": client, "spec": spec, "ok": False, "devices": [], "steps": []}
    limit = SESSION_S if mode == "session" else None
    try:
        asyncio.run(asyncio.wait_for(session(url, mode, adapter, result), limit))
        result["ok"] = True
    except BaseException as error:  # the line must come out whatever happens
        result["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(result), flush=True)
    os._exit(0 if result["ok"] else 1)


async def session(url, mode, adapter, result):
    async def step(name, action):
        result["steps"].append(name)
        try:
            return await asyncio.wait_for(action, STEP_S)
        except asyncio.TimeoutError:
            raise RuntimeError(f"{name}: no answer within {STEP_S} s") from None

    await step("connect", adapter.connect(url))
    await step("scan", adapter.scan())
    result["steps"].append("see devices")
    end = time.monotonic() + STEP_S
    while not any(d["can"].get("vibrate") for d in adapter.devices()):
        if time.monotonic() > end:
            raise RuntimeError("no device that vibrates")
        await asyncio.sleep(0.01)
    await step("stop scan", adapter.stop_scan())
    devices = sorted(adapter.devices(), key=lambda d: d["index"])
    result["devices"] = [{k: d[k] for k in ("name", "index", "can")} for d in devices]

    if mode == "hold":
        wanted = [d for d in devices if d["can"].get("vibrate")]
        device = wanted[int(os.environ.get("INTEROP_NTH", "0")) % len(wanted)]
        await step("vibrate", adapter.vibrate(device["handle"]))
        print(json.dumps({"holding": device["name"], "index": device["index"]}), flush=True)
        while True:
            line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            if line.strip() != "again":
                break
            await step("vibrate", adapter.vibrate(device["handle"]))
            print(json.dumps({"again": device["name"], "devices": [d["name"] for d in adapter.devices()]}), flush=True)
        await step("disconnect", adapter.disconnect())
        return

    for device in devices:
        for action in ("vibrate", "rotate", "linear"):
            if device["can"].get(action):
                await step(f"{action} {device['index']}", getattr(adapter, action)(device["handle"]))
        await step(f"stop {device['index']}", adapter.stop(device["handle"]))
        if device["can"].get("battery"):
            level = await step(f"battery {device['index']}", adapter.battery(device["handle"]))
            if not 0 <= level <= 1:
                raise RuntimeError(f"battery of {device['name']} is {level}")
            result["battery"] = level
    if hasattr(adapter, "battery") and "battery" not in result:
        raise RuntimeError("no device with a battery, though this version can read one")
    if hasattr(adapter, "stop_all"):
        await step("stop all", adapter.stop_all())
    await step("disconnect", adapter.disconnect())
