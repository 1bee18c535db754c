import './iterator.mjs';

// The 4.x and 5.x clients share one interface.
export function adapter(B, client) {
  const { DeviceOutput, InputType, OutputType } = B;
  let leaving = false;
  let lost = false;
  client.on('disconnect', () => { lost = !leaving; });
  return {
    connect: url => client.connect(new B.ButtplugNodeWebsocketClientConnector(url)),
    devices: () => [...client.devices.values()].map(d => ({
      name: d.name, index: d.index, handle: d,
      can: {
        vibrate: d.hasOutput(OutputType.Vibrate), rotate: d.hasOutput(OutputType.Rotate),
        linear: d.hasOutput(OutputType.HwPositionWithDuration), battery: d.hasInput(InputType.Battery),
      },
    })),
    scan: () => client.startScanning(),
    stopScan: () => client.stopScanning(),
    vibrate: async d => {
      await d.runOutput(DeviceOutput.Vibrate.percent(0.5));
      if (d.hasOutput(OutputType.Oscillate)) await d.runOutput(DeviceOutput.Oscillate.percent(0.5));
    },
    rotate: d => d.runOutput(DeviceOutput.Rotate.percent(0.5)),
    linear: d => d.runOutput((DeviceOutput.HwPositionWithDuration ?? DeviceOutput.PositionWithDuration).percent(0.5, 500)),
    stop: d => d.stop(),
    battery: async d => (await d.battery()) / 100,
    stopAll: () => client.stopAllDevices(),
    disconnect: () => { leaving = true; return client.disconnect(); },
    dropped: () => lost,
  };
}
