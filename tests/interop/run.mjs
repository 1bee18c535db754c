// Runs the published clients against a server binary. Usage:
//   node run.mjs [--server PATH] [--only TEXT] [--record DIR]
// PATH defaults to ../../target/release/frisson, else ../../target/debug/frisson. TEXT picks checks whose name holds
// it. --record writes one transcript per client into DIR. The last line is "N passed, M failed".

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { record } from './lib/proxy.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const args = process.argv.slice(2);
const option = name => { const at = args.indexOf(name); return at < 0 ? undefined : args[at + 1]; };
const server = resolve(option('--server') ?? ['release', 'debug'].map(p => join(here, '../../target', p, 'frisson')).find(existsSync) ?? 'frisson');
const only = option('--only');
const recordDir = option('--record');
const pythonDir = process.env.INTEROP_PYTHON_DIR ?? join(here, '../../target/interop-python');
// A line of the server's debug log that tells that a device was stopped (not: that a scan was).
const STOP_LINE = new RegExp(process.env.INTEROP_STOP_LINE ?? '^(?!.*scan).*\\b(stop|zero)', 'i');

const node = file => ({ command: process.execPath, args: ['--no-warnings', '--experimental-wasm-modules', join(here, 'clients', file)], env: {} });
const python = (file, packages, env = {}) => ({
  command: 'python3', args: [join(here, 'clients', file)],
  env: { PYTHONPATH: [join(pythonDir, packages)].join(delimiter), PYTHONDONTWRITEBYTECODE: '1', PYTHONWARNINGS: 'ignore', ...env },
});
const CLIENTS = {
  'js-0.8.3': { spec: 1, ...node('js-0.8.mjs') },
  'js-0.11.8': { spec: 1, ...node('js-0.11.mjs') },
  'js-0.13.2': { spec: 1, ...node('js-0.13.mjs') },
  'js-1.0.17': { spec: 2, ...node('js-1.0.mjs') },
  'js-3.0.0': { spec: 3, ...node('js-3.0.mjs') },
  'js-3.2.2': { spec: 3, ...node('js-3.2.mjs') },
  'js-4.0.2': { spec: 4, ...node('js-4.0.mjs') },
  'js-5.0.2': { spec: 4, ...node('js-5.0.mjs') },
  'py-buttplug-0.3.0': { spec: 1, ...python('py-buttplug-0.3.py', 'buttplug-0.3') },
  'py-buttplug-py-0.2.0-v2': { spec: 2, ...python('py-buttplug-py.py', 'buttplug-py', { INTEROP_SPEC: '2' }) },
  'py-buttplug-py-0.2.0-v3': { spec: 3, ...python('py-buttplug-py.py', 'buttplug-py', { INTEROP_SPEC: '3' }) },
  'py-buttplug-1.0.0': { spec: 4, ...python('py-buttplug-1.0.py', 'buttplug-1.0') },
};

const children = new Set();
const sleep = ms => new Promise(done => setTimeout(done, ms));
const must = (truth, what) => { if (!truth) throw new Error(what); };

function start(command, argv, env) {
  const child = spawn(command, argv, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  child.stdin.on('error', () => {});
  child.out = [];
  child.err = [];
  readline.createInterface({ input: child.stdout }).on('line', l => child.out.push(l));
  readline.createInterface({ input: child.stderr }).on('line', l => child.err.push(l));
  child.done = new Promise(end => {
    child.on('error', error => { child.err.push(String(error)); children.delete(child); child.over = true; end(-1); });
    child.on('close', (code, signal) => { children.delete(child); child.over = true; end(signal ?? code); });
  });
  return child;
}

async function until(ms, what, test) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(10);
  }
}

async function over(child, ms, what) {
  const code = await Promise.race([child.done, sleep(ms).then(() => undefined)]);
  if (code === undefined) { child.kill('SIGKILL'); throw new Error(`${what} not over within ${ms} ms; ${tail(child)}`); }
  return code;
}

const tail = child => [...child.out.slice(-3), ...child.err.slice(-8)].join(' | ').slice(-1500);

async function serve(extra = []) {
  const home = mkdtempSync(join(tmpdir(), 'interop-'));
  const child = start(server, ['serve', '--listen', '127.0.0.1:0', '--bus', 'none', '--simulate', '--log', 'debug', ...extra],
    { HOME: home, XDG_CONFIG_HOME: join(home, 'config'), XDG_STATE_HOME: join(home, 'state'), XDG_DATA_HOME: join(home, 'data') });
  child.done.then(() => rmSync(home, { recursive: true, force: true }));
  child.url = await until(15000, `start of ${server} (${tail(child)})`, () => {
    must(!child.over, `the server ended at once: ${tail(child)}`);
    return child.out.join('\n').match(/ws:\/\/[^\s"'<>,;]+/)?.[0];
  });
  return child;
}

async function stopServer(child) {
  child.kill('SIGTERM');
  return over(child, 8000, 'stop of the server');
}

/** A bare v4 client: the reference for what is there. */
class Raw {
  static async open(url) {
    const raw = new Raw();
    raw.frames = [];
    raw.ws = new WebSocket(url);
    raw.ws.on('message', data => raw.frames.push(...JSON.parse(data)));
    raw.ws.on('close', code => { raw.closed = code; });
    raw.ws.on('error', () => {});
    raw.id = 0;
    await until(5000, 'WebSocket handshake', () => raw.ws.readyState === WebSocket.OPEN || raw.closed !== undefined);
    must(raw.closed === undefined, 'the server refused the WebSocket');
    await raw.ask('RequestServerInfo', { ClientName: 'interop raw', ProtocolVersionMajor: 4, ProtocolVersionMinor: 0 });
    return raw;
  }
  async ask(type, fields = {}) {
    const Id = ++this.id;
    this.ws.send(JSON.stringify([{ [type]: { Id, ...fields } }]));
    const answer = await until(5000, `answer to ${type}`, () => this.frames.find(f => Object.values(f)[0].Id === Id));
    must(!answer.Error, `${type}: ${answer.Error?.ErrorMessage}`);
    return answer;
  }
  async devices() {
    const { DeviceList } = await this.ask('RequestDeviceList');
    return Object.values(DeviceList.Devices);
  }
  close() { this.ws.close(); }
}

const launch = (name, url, mode = 'session', env = {}) => {
  const client = CLIENTS[name];
  return start(client.command, [...client.args, url, mode], { ...client.env, ...env });
};

function outcome(child) {
  const line = child.out.findLast(l => l.startsWith('{'));
  try { return JSON.parse(line); } catch { throw new Error(`no result; ${tail(child)}`); }
}

async function session(name, url) {
  const child = launch(name, url);
  const code = await over(child, 45000, name);
  const result = outcome(child);
  must(result.ok, `after "${result.steps?.at(-1)}": ${result.error}`);
  must(code === 0, `exit ${code}; ${tail(child)}`);
  return result;
}

async function holding(name, url, nth) {
  const child = launch(name, url, 'hold', { INTEROP_NTH: String(nth) });
  const line = await until(20000, `${name} driving (${tail(child)})`, () => {
    must(!child.over, `${name} ended early: ${tail(child)}`);
    return child.out.find(l => l.startsWith('{"holding"'));
  });
  child.device = JSON.parse(line);
  return child;
}

async function again(child) {
  const before = child.out.length;
  child.stdin.write('again\n');
  await until(8000, `second command (${tail(child)})`, () => {
    must(!child.over, `the client ended: ${tail(child)}`);
    return child.out.slice(before).some(l => l.startsWith('{"again"'));
  });
}

async function leave(child) {
  child.stdin.write('leave\n');
  const code = await over(child, 15000, 'leaving');
  must(code === 0 && outcome(child).ok, `leaving: ${tail(child)}`);
}

async function stopLogged(main, from, why) {
  await until(3000, `${why}: no line of the log tells of a stop`, () => main.err.slice(from).some(l => STOP_LINE.test(l)));
}

let passed = 0;
let failed = 0;
async function check(name, action) {
  if (only && !name.includes(only)) return;
  const begun = Date.now();
  try {
    const note = await action();
    passed += 1;
    console.log(`ok   ${name} (${Date.now() - begun} ms)${note ? ` ${note}` : ''}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error.message}`);
  } finally {
    for (const child of children) if (!child.url) child.kill('SIGKILL');
  }
}

async function all() {
  let main = await serve();
  let known = [];
  let battery;

  await check('simulated devices are listed', async () => {
    const raw = await Raw.open(main.url);
    await raw.ask('StartScanning');
    await until(5000, 'a device', async () => (await raw.devices()).length);
    await raw.ask('StopScanning');
    known = await raw.devices();
    raw.close();
    const features = known.flatMap(d => Object.values(d.DeviceFeatures));
    must(features.some(f => f.Output?.Vibrate), 'no device vibrates');
    must(features.some(f => f.Input?.Battery), 'no device has a battery');
    return known.map(d => d.DeviceName).join(', ');
  });

  for (const [name, { spec }] of Object.entries(CLIENTS)) {
    await check(`session ${name} (v${spec})`, async () => {
      const proxy = recordDir && await record(main.url);
      try {
        const result = await session(name, proxy ? proxy.url : main.url);
        const seen = list => JSON.stringify(list.sort());
        if (known.length) must(seen(result.devices.map(d => `${d.index} ${d.name}`)) === seen(known.map(d => `${d.DeviceIndex} ${d.DeviceName}`)), `saw ${JSON.stringify(result.devices)}`);
        must(spec < 2 || result.battery !== undefined, 'no battery was read');
        if (result.battery !== undefined) {
          battery ??= result.battery;
          must(Math.abs(result.battery - battery) < 0.051, `battery ${result.battery}, another client read ${battery}`);
        }
      } finally {
        if (proxy) {
          await sleep(200);
          proxy.close();
          mkdirSync(recordDir, { recursive: true });
          writeFileSync(join(recordDir, `${name}.txt`), `# ${name}, speaks v${spec}: recorded from the published client against ${basename(server)}\n${proxy.lines.join('\n')}\n`);
        }
      }
    });
  }

  await check('four versions at once', async () => {
    await Promise.all(['js-0.13.2', 'py-buttplug-py-0.2.0-v2', 'js-3.2.2', 'js-5.0.2'].map(name => session(name, main.url)));
  });

  for (const [one, other] of [['js-5.0.2', 'js-3.2.2'], ['js-0.13.2', 'py-buttplug-1.0.0'], ['py-buttplug-py-0.2.0-v3', 'js-4.0.2']]) {
    await check(`two at once: ${one} leaves, ${other} goes on`, async () => {
      const [a, b] = await Promise.all([holding(one, main.url, 0), holding(other, main.url, 1)]);
      const mark = main.err.length;
      await leave(a);
      await stopLogged(main, mark, `${one} left`);
      await again(b);
      await leave(b);
    });
  }

  for (const name of ['js-0.13.2', 'js-1.0.17', 'js-3.2.2', 'js-5.0.2', 'py-buttplug-1.0.0']) {
    await check(`killed while driving: ${name}`, async () => {
      const [victim, other] = await Promise.all([holding(name, main.url, 0), holding('js-5.0.2', main.url, 1)]);
      const mark = main.err.length;
      victim.kill('SIGKILL');
      must(await over(victim, 5000, 'kill') === 'SIGKILL', 'it was not killed');
      await stopLogged(main, mark, `${name} was killed`);
      await again(other);
      await leave(other);
      const raw = await Raw.open(main.url);
      must((await raw.devices()).length === known.length || !known.length, 'devices are missing after the kill');
      raw.close();
    });
  }

  await check('server stop closes with 1001 and exits 0', async () => {
    const raw = await Raw.open(main.url);
    const client = await holding('js-5.0.2', main.url, 0);
    const code = await stopServer(main);
    must(code === 0, `exit ${code}; ${tail(main)}`);
    await until(2000, 'close', () => raw.closed !== undefined);
    must(raw.closed === 1001, `closed with ${raw.closed}`);
    client.kill('SIGKILL');
    await over(client, 3000, 'client');
  });
  if (!main.over) await stopServer(main).catch(() => {});

  // JavaScript 0.x, buttplug-py and Python 1.0 ping when there is a watchdog; JavaScript from 1.0 and Python 0.3 never
  // do, which is why there is none by default.
  main = await serve(['--max-ping-time', '600']);
  for (const name of ['js-0.8.3', 'js-0.13.2', 'py-buttplug-py-0.2.0-v3', 'py-buttplug-1.0.0']) {
    await check(`watchdog of 600 ms: ${name} pings and stays`, async () => {
      const client = await holding(name, main.url, 0);
      await sleep(2500);
      await again(client);
      await leave(client);
    });
  }
  await stopServer(main).catch(() => {});
}

const limit = setTimeout(() => { console.log('FAIL the whole run took more than 8 minutes'); finish(1); }, 8 * 60 * 1000);
function finish(extra = 0) {
  for (const child of children) child.kill('SIGKILL');
  failed += extra;
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 || passed === 0 ? 1 : 0);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => finish(1));
try {
  await all();
  clearTimeout(limit);
  finish();
} catch (error) {
  console.log(`FAIL ${error.message}`);
  finish(1);
}
