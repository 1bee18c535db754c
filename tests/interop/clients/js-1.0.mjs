import { main } from '../lib/client.mjs';
import * as B from 'buttplug-js10';

await B.buttplugInit();
const client = new B.ButtplugClient('interop js 1.0');
const T = B.ButtplugDeviceMessageType;
let leaving = false;
let lost = false;
client.on('disconnect', () => { lost = !leaving; });
const can = (device, type) => device.messageAttributes(type) !== undefined;

main('js-1.0.17', 2, {
  connect: url => client.connect(new B.ButtplugWebsocketConnectorOptions(url)),
  devices: () => client.Devices.map(d => ({
    name: d.Name, index: d.Index, handle: d,
    can: { vibrate: can(d, T.VibrateCmd), rotate: can(d, T.RotateCmd), linear: can(d, T.LinearCmd), battery: can(d, T.BatteryLevelCmd) },
  })),
  scan: () => client.startScanning(),
  stopScan: () => client.stopScanning(),
  vibrate: d => d.vibrate(0.5),
  rotate: d => d.rotate(0.5, true),
  linear: d => d.linear(0.5, 500),
  stop: d => d.stop(),
  battery: d => d.batteryLevel(),
  stopAll: () => client.stopAllDevices(),
  disconnect: () => { leaving = true; return client.disconnect(); },
  dropped: () => lost,
});
