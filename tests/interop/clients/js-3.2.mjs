import { createRequire } from 'node:module';
import { main } from '../lib/client.mjs';
import { adapter } from '../lib/v3.mjs';

const B = createRequire(import.meta.url)('buttplug-js32');
const client = new B.ButtplugClient('interop js 3.2');
main('js-3.2.2', 3, adapter(client, url => new B.ButtplugNodeWebsocketClientConnector(url)));
