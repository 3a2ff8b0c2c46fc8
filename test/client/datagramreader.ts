/**
 * A server's side of datagrams, for tests: a UDP socket, and a reader of what it receives that is written from the protocol
 * with nothing but node:crypto.
 */
import {
  createDecipheriv,
  createECDH,
  createPrivateKey,
  hkdfSync,
  verify,
  X509Certificate,
} from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { eventually } from '../e2e/harness/eventually.js';
import type { Scope } from '../e2e/harness/program.js';

/** What a datagram says; its signature has been checked. */
export interface HeardDatagram {
  readonly service: string;
  /** 16 bytes in hexadecimal: IPv6, or IPv4 and zeros. */
  readonly address: string;
  /** Seconds since 1970. */
  readonly time: number;
  readonly certificate: X509Certificate;
  /** The address that it came from. */
  readonly source: string;
  readonly length: number;
}

const lines = [
  "They livin' it up at the Hotel California",
  'What a nice surprise (what a nice surprise)',
  'Bring your alibis',
];
/** The hexadecimal digits themselves, not what they stand for. */
const salt = Buffer.from(Buffer.from(lines.join('\n')).toString('hex'));

/** @param serverKey PEM @throws where it is no datagram for that key, or not signed as it should be */
export function readDatagram(bytes: Buffer, serverKey: Buffer, source = ''): HeardDatagram {
  if (bytes.readUInt32BE(0) !== 0x61010000) throw new Error('not of version 1.0.0');
  const agreement = createECDH('prime256v1');
  const { d } = createPrivateKey(serverKey).export({ format: 'jwk' });
  agreement.setPrivateKey(Buffer.from(d!, 'base64url'));
  const secret = agreement.computeSecret(bytes.subarray(-65));
  const derived = (info: string) => Buffer.from(hkdfSync('sha256', secret, salt, info, 16));
  const cipher = createDecipheriv('aes-128-cbc', derived('knock'), derived('iv0AES128CBC'));
  const plain = Buffer.concat([cipher.update(bytes.subarray(4, -65)), cipher.final()]);
  const block = plain.subarray(-73);
  const certificate = new X509Certificate(plain.subarray(24, -73));
  const signature = block.subarray(block.length - block[0]!);
  if (block.subarray(1, block.length - block[0]!).some(byte => byte !== 0)) throw new Error('padding');
  if (!verify('sha256', plain.subarray(0, -73), certificate.publicKey, signature))
    throw new Error('signature');
  if (plain[0] !== 0) throw new Error('first byte');
  return {
    service: `${plain[1] === 1 ? 'tcp' : 'udp'}/${plain.readUInt16BE(2)}`,
    address: plain.subarray(4, 20).toString('hex'),
    time: plain.readUInt32BE(20),
    ...{ certificate, source, length: bytes.length },
  };
}

/** A UDP port where knocks are read. */
export class Receiver {
  readonly heard: HeardDatagram[] = [];
  readonly port: number;

  private constructor(port: number) {
    this.port = port;
  }

  /** @param onHeard told of each @param address to listen at */
  static async open(
    scope: Scope,
    serverKey: Buffer,
    onHeard: (count: number) => void = () => {},
    address = '127.0.0.1',
  ): Promise<Receiver> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address);
    scope.after(() => void socket.close());
    await once(socket, 'listening');
    const receiver = new Receiver(socket.address().port);
    socket.on('message', (bytes, { address: source }) => {
      receiver.heard.push(readDatagram(bytes, serverKey, source));
      onHeard(receiver.heard.length);
    });
    return receiver;
  }

  /** The first so many, when they are there. */
  async first(count: number): Promise<readonly HeardDatagram[]> {
    return eventually(`${count} datagrams`, () => (this.heard.length >= count ? this.heard : undefined));
  }
}
