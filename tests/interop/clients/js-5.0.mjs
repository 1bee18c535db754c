import { createRequire } from 'node:module';
import { main } from '../lib/client.mjs';
import { adapter } from '../lib/v4.mjs';

const B = createRequire(import.meta.url)('buttplug-js50');
main('js-5.0.2', 4, adapter(B, new B.ButtplugClient('interop js 5.0')));
