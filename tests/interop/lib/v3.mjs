// The 3.x clients share one interface.
export function adapter(client, connector) {
  let leaving = false;
  let lost = false;
  client.on('disconnect', () => { lost = !leaving; });
  return {
    connect: url => client.connect(connector(url)),
    devices: () => client.devices.map(d => ({
      name: d.name, index: d.index, handle: d,
      // `rotate` and `linear` are the signed and the timed messages of this version
      can: {
        vibrate: d.vibrateAttributes.length > 0, rotate: d.messageAttributes.RotateCmd !== undefined,
        linear: d.messageAttributes.LinearCmd !== undefined, battery: d.hasBattery,
      },
    })),
    scan: () => client.startScanning(),
    stopScan: () => client.stopScanning(),
    vibrate: async d => {
      await d.vibrate(0.5);
      if (d.oscillateAttributes.length > 0) await d.oscillate(0.5);
    },
    rotate: d => d.rotate(0.5, true),
    linear: d => d.linear(0.5, 500),
    stop: d => d.stop(),
    battery: d => d.battery(),
    stopAll: () => client.stopAllDevices(),
    disconnect: () => { leaving = true; return client.disconnect(); },
    dropped: () => lost,
  };
}
