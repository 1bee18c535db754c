// The one script every JavaScript client runs. A file in clients/ gives an adapter to its published
// client; this goes through the session and prints one line of JSON.
//
//   node clients/NAME.mjs URL          the whole session
//   node clients/NAME.mjs URL hold     drive one device, print {"holding":…}, then obey lines on stdin:
//                                      "leave" = disconnect without stopping, "again" = drive once more
//
// Adapter: connect(url), devices() -> [{name, index, can: {vibrate, rotate, linear, battery}, handle}],
// vibrate/rotate/linear/stop(handle), battery(handle) -> 0..1, scan(), stopScan(), stopAll(), disconnect(),
// dropped() -> true if the connection went away by itself.

import readline from 'node:readline';

const STEP_MS = 5000;
const SESSION_MS = 30000;

export const sleep = ms => new Promise(done => setTimeout(done, ms));

function within(ms, what, promise) {
  let timer;
  const limit = new Promise((_, fail) => { timer = setTimeout(() => fail(new Error(`${what}: no answer within ${ms} ms`)), ms); });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

async function until(ms, what, test) {
  const end = Date.now() + ms;
  while (!test()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(10);
  }
}

const text = error => (error instanceof Error ? error.message : error?.ErrorMessage ?? JSON.stringify(error) ?? String(error));

export async function main(client, spec, adapter) {
  const [url = process.env.INTEROP_URL, mode = 'session'] = process.argv.slice(2);
  if (!url) { console.error('usage: node clients/NAME.mjs URL [hold]'); process.exit(2); }
  const result = { client, spec, ok: false, devices: [], steps: [] };
  const finish = (error, code = error ? 1 : 0) => {
    if (error) result.error = text(error);
    result.ok = !error;
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(code));
  };
  const step = async (name, action) => {
    result.steps.push(name);
    const answer = await within(STEP_MS, name, Promise.resolve().then(action));
    if (adapter.dropped?.() && name !== 'disconnect') throw new Error(`${name}: the connection was lost`);
    return answer;
  };
  process.on('unhandledRejection', error => finish(error));
  process.on('uncaughtException', error => finish(error));
  if (mode === 'session') setTimeout(() => finish(new Error(`session not over within ${SESSION_MS} ms`)), SESSION_MS);

  try {
    await step('connect', () => adapter.connect(url));
    await step('scan', () => adapter.scan());
    await step('see devices', () => until(STEP_MS - 500, 'a device that vibrates', () => adapter.devices().some(d => d.can.vibrate)));
    await step('stop scan', () => adapter.stopScan());
    const devices = adapter.devices().sort((a, b) => a.index - b.index);
    result.devices = devices.map(({ name, index, can }) => ({ name, index, can }));

    if (mode === 'hold') {
      const wanted = devices.filter(d => d.can.vibrate);
      const device = wanted[Number(process.env.INTEROP_NTH ?? 0) % wanted.length];
      await step('vibrate', () => adapter.vibrate(device.handle));
      console.log(JSON.stringify({ holding: device.name, index: device.index }));
      for await (const line of readline.createInterface({ input: process.stdin })) {
        if (line === 'again') {
          await step('vibrate', () => adapter.vibrate(device.handle));
          console.log(JSON.stringify({ again: device.name, devices: adapter.devices().map(d => d.name) }));
        } else break;
      }
      await step('disconnect', () => adapter.disconnect());
      return finish();
    }

    for (const device of devices) {
      for (const action of ['vibrate', 'rotate', 'linear']) {
        if (device.can[action] && adapter[action]) await step(`${action} ${device.index}`, () => adapter[action](device.handle));
      }
      await step(`stop ${device.index}`, () => adapter.stop(device.handle));
      if (device.can.battery) {
        const level = await step(`battery ${device.index}`, () => adapter.battery(device.handle));
        if (!(level >= 0 && level <= 1)) throw new Error(`battery of ${device.name} is ${level}`);
        result.battery = level;
      }
    }
    if (adapter.battery && result.battery === undefined) throw new Error('no device with a battery, though this version can read one');
    await step('stop all', () => adapter.stopAll());
    await step('disconnect', () => adapter.disconnect());
    finish();
  } catch (error) {
    finish(error);
  }
}
