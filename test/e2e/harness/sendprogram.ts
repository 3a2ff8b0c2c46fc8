/**
 * A program that sends what a test asks for, one JSON object a line: datagrams from a real socket, frames byte by byte,
 * and packets that come in from a tunnel without a link layer. Its other end is sender.ts.
 */
import { createSocket } from 'node:dgram';
import { openSync, writeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { createInterface } from 'node:readline';
import { interfaceIndex } from '../../../src/net/interfaces.js';
import { libc } from '../../../src/net/libc.js';

export type Sending =
  | { readonly do: 'datagrams'; readonly address: string; readonly port: number; readonly count: number }
  | { readonly do: 'frame'; readonly interfaceName: string; readonly hex: string }
  | { readonly do: 'tunnel'; readonly name: string }
  | { readonly do: 'arrive'; readonly hex: string };

const packetFamily = 17;
const rawFrames = 3;
/** TUNSETIFF of linux/if_tun.h; IFF_TUN and IFF_NO_PI. */
const setTunnel = 0x400454ca;
const tunnelFlags = 0x1001;

let tunnel = -1;

async function sendDatagrams({ address, port, count }: Sending & { do: 'datagrams' }): Promise<void> {
  const socket = createSocket(isIPv6(address.split('%')[0]!) ? 'udp6' : 'udp4');
  // Not connected: otherwise a refusal that comes back would take the place of a datagram.
  const hundreds = Math.ceil(count / 100);
  for (let round = 0; round < hundreds; round++) {
    const some = Math.min(100, count - round * 100);
    await Promise.all(
      Array.from({ length: some }, () => new Promise(resolve => socket.send('x', port, address, resolve))),
    );
  }
  socket.close();
}

function sendFrame(interfaceName: string, frame: Buffer): void {
  const c = libc();
  const fd = c.socket(packetFamily, rawFrames, 0);
  const address = Buffer.alloc(20);
  address.writeUInt16LE(packetFamily, 0);
  address.writeInt32LE(interfaceIndex(interfaceName) ?? 0, 4);
  c.sendto(fd, frame, frame.length, 0, address, address.length);
  c.close(fd);
}

function makeTunnel(name: string): void {
  tunnel = openSync('/dev/net/tun', 'r+');
  const request = Buffer.alloc(40);
  request.write(name, 'latin1');
  request.writeUInt16LE(tunnelFlags, 16);
  libc().ioctl(tunnel, setTunnel, request);
}

async function perform(sending: Sending): Promise<void> {
  if (sending.do === 'datagrams') await sendDatagrams(sending);
  else if (sending.do === 'frame') sendFrame(sending.interfaceName, Buffer.from(sending.hex, 'hex'));
  else if (sending.do === 'tunnel') makeTunnel(sending.name);
  else writeSync(tunnel, Buffer.from(sending.hex, 'hex'));
}

for await (const line of createInterface({ input: process.stdin })) {
  const error = await perform(JSON.parse(line) as Sending).then(
    () => undefined,
    (reason: Error) => reason.message,
  );
  process.stdout.write(`${JSON.stringify({ error })}\n`);
}
process.exit();
