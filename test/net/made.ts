/** IP packets made byte by byte, for tests. Checksums are left at zero: nothing that is tested looks at them. */
import { parseAddress } from '../../src/net/address.js';

interface Segment {
  readonly sourcePort: number;
  readonly port: number;
  readonly sequence: number;
  readonly flags?: number;
  readonly options?: Uint8Array;
  /** In hex. */
  readonly data?: string;
}

/** A TCP segment, a SYN unless told otherwise. */
export function syn({ sourcePort, port, sequence, flags = 2, options, data = '' }: Segment): Buffer {
  const header = Buffer.alloc(20 + (options?.length ?? 0));
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt32BE(sequence, 4);
  header[12] = (header.length / 4) << 4;
  header[13] = flags;
  header.set(options ?? [], 20);
  return Buffer.concat([header, Buffer.from(data, 'hex')]);
}

/** A UDP datagram with data in hex. */
export function udpDatagram(sourcePort: number, port: number, data: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt16BE(8 + data.length / 2, 4);
  return Buffer.concat([header, Buffer.from(data, 'hex')]);
}

interface IPv4Changes {
  readonly options?: Uint8Array;
  /** Flags and offset, 16 bits. */
  readonly fragment?: number;
}

/** From 192.0.2.7 to 198.51.100.9. */
export function ipv4(protocol: number, payload: Buffer, { options, fragment = 0 }: IPv4Changes = {}): Buffer {
  const header = Buffer.alloc(20 + (options?.length ?? 0));
  header[0] = 0x40 | (header.length / 4);
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(fragment, 6);
  header[8] = 64;
  header[9] = protocol;
  header.set([192, 0, 2, 7, 198, 51, 100, 9], 12);
  header.set(options ?? [], 20);
  return Buffer.concat([header, payload]);
}

/** From 2001:db8::7 to 2001:db8:1::9. */
export function ipv6(next: number, ...parts: readonly Buffer[]): Buffer {
  const payload = Buffer.concat(parts);
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(payload.length, 4);
  header[6] = next;
  header[7] = 64;
  header.set(parseAddress('2001:db8::7')!, 8);
  header.set(parseAddress('2001:db8:1::9')!, 24);
  return Buffer.concat([header, payload]);
}

/** An extension header of 8 bytes and `more` units of 8 (RFC 8200 section 4.2). */
export function extension(next: number, more: number): Buffer {
  const header = Buffer.alloc(8 + more * 8, 0x55);
  header[0] = next;
  header[1] = more;
  return header;
}

/** An authentication header of `length` bytes, a multiple of 4 (RFC 4302 section 2). */
export function authenticationHeader(next: number, length: number): Buffer {
  const header = Buffer.alloc(length, 0x66);
  header[0] = next;
  header[1] = length / 4 - 2;
  return header;
}

/** A fragment header; the offset counts units of 8 bytes. */
export function fragment(next: number, offset: number, more: boolean): Buffer {
  const header = Buffer.alloc(8);
  header[0] = next;
  header.writeUInt16BE((offset << 3) | (more ? 1 : 0), 2);
  return header;
}
