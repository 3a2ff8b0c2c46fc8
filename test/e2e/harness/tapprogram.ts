/**
 * A program that listens on an interface as the daemon does: one process holds the tap, another reads from the same open
 * socket. It says one JSON object a line; its other end is tapped.ts.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import pino from 'pino';
import { Tap, type TapWish } from '../../../src/daemon/tap.js';
import { formatAddress, parseAddress } from '../../../src/net/address.js';
import { isEthernet } from '../../../src/net/interfaces.js';
import { decodePacket, newPacket, tcp } from '../../../src/net/packet.js';
import { readPackets } from '../../../src/net/packetsocket.js';
import { report } from '../../../src/system/error.js';

export type Said =
  | { readonly ready: { readonly ethernet: boolean; readonly addresses: readonly string[] } }
  | { readonly log: string }
  | { readonly addresses: readonly string[] }
  | { readonly heard: string }
  | { readonly lost: number };

export type Asked = { readonly want: Wish } | { readonly signal: NodeJS.Signals };

export type Wish = Omit<TapWish, 'targets'> & { readonly targets: readonly string[] };

const readerDescriptor = 3;
const reading = 'read';

function say(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

function read(): void {
  const packet = newPacket();
  readPackets(readerDescriptor, {
    begin: () => {},
    packet: (bytes, start, end) => {
      if (!decodePacket(bytes, packet, start, end)) return say({ heard: 'something else' });
      const protocol = packet.protocol === tcp ? 'tcp' : 'udp';
      const [source, destination] = [packet.source, packet.destination].map(formatAddress);
      say({ heard: `${protocol} ${source} > ${destination} ${packet.port}` });
    },
    lost: count => say({ lost: count }),
    batch: () => {},
  });
  // The other process has ended.
  process.stdin.on('close', () => process.exit()).resume();
}

function hold(interfaceName: string): void {
  const log = pino(
    { base: null },
    { write: line => say({ log: (JSON.parse(line) as { msg: string }).msg }) },
  );
  const tap = new Tap(interfaceName, log);
  const texts = () => tap.addresses.map(formatAddress);
  tap.onChange = () => say({ addresses: texts() });
  const stdio = ['pipe', 'inherit', 'inherit', tap.fd] as const;
  const reader = spawn(process.execPath, [process.argv[1]!, reading], { stdio: [...stdio] });
  const ask = (asked: Asked) => {
    if ('signal' in asked) return reader.kill(asked.signal);
    tap.want({ ...asked.want, targets: asked.want.targets.map(text => parseAddress(text)!) });
    return say({ ready: { ethernet: isEthernet(interfaceName), addresses: texts() } });
  };
  createInterface({ input: process.stdin })
    .on('line', line => ask(JSON.parse(line) as Asked))
    .on('close', () => {
      tap.close();
      reader.kill('SIGKILL');
    });
}

try {
  if (process.argv[2] === reading) read();
  else hold(process.argv[2]!);
} catch (error) {
  process.exitCode = report('tap', error);
}
