/**
 * An organisation whose members knock with datagrams: its authority, a server's certificate and its members', made by
 * openssl; and the datagrams that they send.
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { pointOf } from '../../../src/crypto/agreement.js';
import { composeDatagram } from '../../../src/methods/datagram/compose.js';
import { parseAddress } from '../../../src/net/address.js';
import { tcp, udp } from '../../../src/net/packet.js';
import { authority, client, Openssl, type Subject, server } from '../../system/openssl.js';
import type { Settings } from './daemon.js';
import type { Host } from './host.js';
import { project } from './isolation.js';
import type { Program, Scope } from './program.js';

const program = `${project}/dist/test/e2e/harness/datagramsender.js`;

/** What a member asks for, and how he sends it. */
export interface Wish {
  /** Such as `tcp/22`. */
  readonly service: string;
  /** The address that stands in it. */
  readonly address: string;
  readonly member?: string;
  /** Seconds since 1970; now by default. */
  readonly time?: number;
}

export class Organisation {
  readonly openssl: Openssl;
  #lastTime = 0;

  constructor(scope: Scope) {
    this.openssl = new Openssl(scope);
    this.openssl.certificate('ca', authority);
    this.openssl.certificate('server', server);
  }

  /** A certificate and key NAME. @param rights as sKnock writes them: `1.22,0.53` */
  admit(name: string, rights: string, subject: Partial<Subject> = {}): void {
    this.openssl.certificate(name, { ...client, rights, ...subject });
  }

  /** The table [datagram] of its servers. */
  settings(more: Settings = {}): Settings {
    return {
      ca_file: this.openssl.path('ca.pem'),
      server_key_file: this.openssl.path('server.key'),
      server_certificate_file: this.openssl.path('server.pem'),
      ...more,
    };
  }

  /** A second in which nothing was asked for: the same wish in the same second is the same datagram. */
  #nextTime(): number {
    this.#lastTime = Math.max(this.#lastTime + 1, Math.floor(Date.now() / 1000));
    return this.#lastTime;
  }

  /** As the daemon's log has it. */
  serialOf(member: string): string {
    const serial = new X509Certificate(this.openssl.read(`${member}.pem`)).serialNumber.toLowerCase();
    return serial.length % 2 === 0 ? serial : `0${serial}`;
  }

  compose({ service, address, member = 'laptop', time = this.#nextTime() }: Wish): Buffer {
    const [protocol, port] = service.split('/');
    const datagram = composeDatagram({
      serverKey: pointOf(new X509Certificate(this.openssl.read('server.pem')).publicKey),
      service: { protocol: protocol === 'tcp' ? tcp : udp, port: Number(port) },
      address: parseAddress(address)!,
      time,
      certificate: new X509Certificate(this.openssl.read(`${member}.pem`)).raw,
      key: createPrivateKey(this.openssl.read(`${member}.key`)),
      ephemeral: randomBytes(32),
    });
    return Buffer.from(datagram);
  }
}

/** Sends bytes to a UDP port, some port by default. */
export async function send(from: Host, address: string, bytes: Buffer, port = 31_337): Promise<void> {
  const request = { address, port, hex: bytes.toString('hex') };
  await from.namespace.exec(process.execPath, [program, JSON.stringify(request)]);
}

/**
 * A flood of noise in the shape of datagrams, each with a point of its own, from every address of the client's link, so
 * many a second until it is ended.
 */
export function flood(from: Host, destination: string, perSecond: number): Program {
  const request = { destination, perSecond };
  return from.namespace.start(process.execPath, [program, JSON.stringify(request)]);
}
