import '../lib/browser.mjs';
import { createRequire } from 'node:module';
import { main } from '../lib/client.mjs';

const B = createRequire(import.meta.url)('buttplug-js08');
const client = new B.ButtplugClient('interop js 0.8');
let leaving = false;
let lost = false;
client.on('disconnect', () => { lost = !leaving; });
const send = (device, message) => client.SendDeviceMessage(device, message);
const count = (device, name) => device.MessageAttributes(name).FeatureCount;

main('js-0.8.3', 1, {
  connect: url => client.ConnectWebsocket(url),
  devices: () => client.Devices.map(d => ({
    name: d.Name, index: d.Index, handle: d,
    can: { vibrate: d.AllowedMessages.includes('VibrateCmd'), rotate: d.AllowedMessages.includes('RotateCmd'), linear: d.AllowedMessages.includes('LinearCmd') },
  })),
  scan: () => client.StartScanning(),
  stopScan: () => client.StopScanning(),
  vibrate: async d => {
    await send(d, new B.VibrateCmd([...Array(count(d, 'VibrateCmd')).keys()].map(i => new B.SpeedSubcommand(i, 0.5))));
    await send(d, new B.SingleMotorVibrateCmd(0.5));
  },
  rotate: d => send(d, new B.RotateCmd([new B.RotateSubcommand(0, 0.5, true)])),
  linear: d => send(d, new B.LinearCmd([new B.VectorSubcommand(0, 0.5, 500)])),
  stop: d => send(d, new B.StopDeviceCmd()),
  stopAll: () => client.StopAllDevices(),
  disconnect: () => { leaving = true; return client.Disconnect(); },
  dropped: () => lost,
});
