// The 0.x clients are written for browsers: give them the WebSocket and the FileReader they look for.
import { WebSocket } from 'ws';

globalThis.WebSocket = WebSocket;
globalThis.FileReader = class extends EventTarget {
  readAsText() { throw new Error('the server sent a binary frame'); }
};
