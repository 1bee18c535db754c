// Sits between a client and the server and writes down every frame: "> " from the client, "< " from the server.
import { WebSocket, WebSocketServer } from 'ws';

export async function record(serverUrl) {
  const lines = [];
  const listener = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((done, fail) => { listener.once('listening', done); listener.once('error', fail); });
  listener.on('connection', near => {
    const far = new WebSocket(serverUrl, { perMessageDeflate: false });
    const waiting = [];
    near.on('message', (data, binary) => {
      lines.push(`> ${binary ? `# binary ${data.toString('hex')}` : data}`);
      if (far.readyState === WebSocket.OPEN) far.send(data, { binary }); else waiting.push([data, { binary }]);
    });
    far.on('open', () => { for (const frame of waiting) far.send(...frame); });
    far.on('message', (data, binary) => {
      lines.push(`< ${binary ? `# binary ${data.toString('hex')}` : data}`);
      near.send(data, { binary });
    });
    const end = (who, other) => (code, reason) => {
      lines.push(`# ${who} closed${code === 1005 || code === 1006 ? '' : ` with ${code}`}${reason?.length ? ` ${reason}` : ''}`);
      if (code === 1006) other.terminate(); else if (code === 1005) other.close(); else other.close(code);
    };
    let ended = false;
    near.on('close', (...a) => { if (!ended) { ended = true; end('client', far)(...a); } });
    far.on('close', (...a) => { if (!ended) { ended = true; end('server', near)(...a); } });
    near.on('error', () => near.terminate());
    far.on('error', () => near.terminate());
  });
  return { url: `ws://127.0.0.1:${listener.address().port}`, lines, close: () => listener.close() };
}
