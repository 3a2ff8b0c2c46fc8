/** A site, datagrams for it, and what is made of them. */
import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pointOf } from '../../../src/crypto/agreement.js';
import { composeDatagram } from '../../../src/methods/datagram/compose.js';
import { flaws } from '../../../src/methods/datagram/flaws.js';
import { Datagram } from '../../../src/methods/datagram/recognise.js';
import type { DatagramSite } from '../../../src/methods/datagram/site.js';
import type { Verdict } from '../../../src/methods/knock.js';
import { parseAddress } from '../../../src/net/address.js';
import { newPacket, type Packet, tcp, udp } from '../../../src/net/packet.js';
import {
  type Made,
  makeAuthority,
  makeCertificate,
  noon,
  old,
  p256,
  usual,
  type Wish,
} from '../../crypto/certificates.js';

export const server = p256();
export const authority = makeAuthority('authority');

export function siteWith(changes: Partial<DatagramSite> = {}): DatagramSite {
  return {
    serverKey: server.privateKey.export({ type: 'pkcs8', format: 'der' }),
    authorities: [authority.certificate],
    skewMs: 7000,
    allowOtherAddress: false,
    listRequired: false,
    listAwaited: false,
    lists: [],
    doors: [{ name: 'web', services: [{ protocol: tcp, port: 2000 }], isOpen: true }],
    anyPort: false,
    ...changes,
  };
}

/** A client's certificate of the authority, with the right to tcp/2000 unless told otherwise. */
export function issue(wish: Wish = {}): Made {
  return makeCertificate({ issuer: authority, extensions: [...usual, old('1.2000')], ...wish });
}

export interface Sent {
  readonly protocol?: number;
  readonly port?: number;
  /** The address that is signed, and the one that it comes from unless `from` says so. */
  readonly address?: string;
  readonly from?: string;
  readonly time?: number;
  readonly at?: number;
  readonly to?: KeyObject;
}

export function compose({ certificate, key }: Made, sent: Sent = {}): Uint8Array {
  const { protocol = tcp, port = 2000, address = '192.0.2.7', time = noon } = sent;
  return composeDatagram({
    serverKey: pointOf(sent.to ?? server.publicKey),
    service: { protocol, port },
    address: parseAddress(address)!,
    time: Math.floor(time / 1000),
    certificate,
    key,
    ephemeral: randomBytes(32),
  });
}

export function packetOf(payload: Uint8Array, from = '192.0.2.7', at = noon): Packet {
  const packet = newPacket();
  packet.source.set(parseAddress(from)!);
  return Object.assign(packet, { at, protocol: udp, port: 40_000, sourcePort: 50_000, payload });
}

/** Its verdict in a word or two. */
export function said(verdict: Verdict): string {
  if (verdict === undefined) return 'nothing';
  if (verdict.outcome === 'knock') return 'knock';
  const { reason, detail } = verdict;
  const tellsFlaw = reason === 'bad-tag' || reason === 'unknown-client';
  return tellsFlaw ? `${reason} ${flaws[detail! - 1]}` : reason;
}

export async function hear(site: DatagramSite, made: Made, sent: Sent = {}): Promise<string> {
  const packet = packetOf(compose(made, sent), sent.from ?? sent.address, sent.at);
  return said(await new Datagram(site, () => false).recognise(packet));
}

interface VectorFile {
  readonly server_key_pkcs8_pem: string;
  readonly ca_cert_der: string;
  readonly packets: readonly Record<string, string | number | null>[];
}

/** One of the vectors in the form of both files. */
export interface Vector {
  readonly name: string;
  readonly payload: Buffer;
  readonly from: string;
  readonly time: number;
  readonly service: { readonly protocol: number; readonly port: number };
}

export function readVectors(file: string): { site: DatagramSite; vectors: Vector[] } {
  const url = new URL(`../../../../test/vectors/${file}`, import.meta.url);
  const {
    server_key_pkcs8_pem: pem,
    ca_cert_der: ca,
    packets,
  } = JSON.parse(readFileSync(url, 'utf8')) as VectorFile;
  const serverKey = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  const site = siteWith({ serverKey, authorities: [Buffer.from(ca, 'hex')], doors: [], anyPort: true });
  const vectors = packets.map(packet => {
    const time = Number(packet['timestamp']) * 1000;
    const hex = packet['udp_payload'] ?? `${packet['header'] ?? '61000001'}${packet['body']}`;
    return {
      name: String(packet['name'] ?? packet['eph_scalar']),
      payload: Buffer.from(String(hex), 'hex'),
      from: String(packet['ip'] ?? packet['address']),
      time,
      service: {
        protocol: packet['proto'] === 0 || packet['protocol'] === 'udp' ? udp : tcp,
        port: Number(packet['port']),
      },
    };
  });
  return { site, vectors };
}

/** The certificates of the 1.0.0 vectors are younger than their datagrams. */
export const currentTime = noon;
export const ofVersion1 = readVectors('sknock-1.0.0.json');
export const captured = readVectors('sknock-0.0.1-captured.json');
