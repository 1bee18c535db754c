import '../lib/browser.mjs';
import { createRequire } from 'node:module';
import { main } from '../lib/client.mjs';
import { adapter } from '../lib/v3.mjs';

const B = createRequire(import.meta.url)('buttplug-js30');
const client = new B.ButtplugClient('interop js 3.0');
main('js-3.0.0', 3, adapter(client, url => new B.ButtplugBrowserWebsocketClientConnector(url)));
