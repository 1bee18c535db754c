import '../lib/browser.mjs';
import { createRequire } from 'node:module';
import { main } from '../lib/client.mjs';

const B = createRequire(import.meta.url)('buttplug-js011');
const client = new B.ButtplugClient('interop js 0.11');
let leaving = false;
let lost = false;
client.on('disconnect', () => { lost = !leaving; });
const can = (device, name) => device.AllowedMessages.includes(name);

main('js-0.11.8', 1, {
  connect: url => client.Connect(new B.ButtplugBrowserWebsocketClientConnector(url)),
  devices: () => client.Devices.map(d => ({
    name: d.Name, index: d.Index, handle: d,
    can: { vibrate: can(d, 'VibrateCmd'), rotate: can(d, 'RotateCmd'), linear: can(d, 'LinearCmd') },
  })),
  scan: () => client.StartScanning(),
  stopScan: () => client.StopScanning(),
  vibrate: d => d.SendVibrateCmd(0.5),
  rotate: d => d.SendRotateCmd(0.5, true),
  linear: d => d.SendLinearCmd(0.5, 500),
  stop: d => d.SendStopDeviceCmd(),
  stopAll: () => client.StopAllDevices(),
  disconnect: () => { leaving = true; return client.Disconnect(); },
  dropped: () => lost,
});
