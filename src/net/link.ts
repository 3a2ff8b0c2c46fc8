/**
 * Frames of a capture file → the IP packets in them, by link type (the registry of tcpdump.org, "link-layer header
 * types"). It does not look into the IP packet: net/packet.ts does.
 */
import { u16 } from './integer.js';

/** One frame of a capture file. */
export interface Frame {
  readonly bytes: Buffer;
  /** Undefined where the file does not say it. */
  readonly linkType: number | undefined;
  /** Milliseconds since 1970, whole; undefined where the file does not say it. */
  readonly atMs: number | undefined;
  /** Of the machine that wrote the file. */
  readonly littleEndian: boolean;
}

/** The first thing in a file that could not be read, and where it stands. */
export interface Damage {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Lower case, no full stop. */
  readonly reason: string;
}

type Opener = (bytes: Buffer, littleEndian: boolean) => Buffer | undefined;

const wholeFrame: Opener = bytes => bytes;

const openers: ReadonlyMap<number, Opener> = new Map([
  [0, openLoopback],
  [1, openEthernet],
  [9, openPpp],
  [12, wholeFrame],
  [14, wholeFrame],
  [51, openPppoe],
  [101, wholeFrame],
  [108, openLoopback],
  [113, openCooked],
  [228, wholeFrame],
  [229, wholeFrame],
  [239, openNflog],
  [276, openCookedTwo],
]);

/** Whether frames of this link type can be opened. */
export function isKnownLink(linkType: number | undefined): linkType is number {
  return linkType !== undefined && openers.has(linkType);
}

/** The IP packet in a frame, a view of its bytes; undefined where there is none. Never throws. */
export function openFrame(frame: Frame): Buffer | undefined {
  if (!isKnownLink(frame.linkType)) return undefined;
  const packet = openers.get(frame.linkType)?.(frame.bytes, frame.littleEndian);
  return packet === undefined || packet.length === 0 ? undefined : packet;
}

const ipv4Type = 0x0800;
const ipv6Type = 0x86dd;
const pppoeSession = 0x8864;
/** IEEE 802.1Q, 802.1ad, and the number that switches used for the latter before it had one. */
const vlanTags = new Set([0x8100, 0x88a8, 0x9100]);

function openEthernet(bytes: Buffer): Buffer | undefined {
  return openTyped(bytes, 12, 14);
}

/** LINKTYPE_LINUX_SLL: the type is the last field of 16 bytes. */
function openCooked(bytes: Buffer): Buffer | undefined {
  return openTyped(bytes, 14, 16);
}

/** LINKTYPE_LINUX_SLL2: the type is the first field of 20 bytes. */
function openCookedTwo(bytes: Buffer): Buffer | undefined {
  return openTyped(bytes, 0, 20);
}

/** An Ethernet type, and where what it types begins; each VLAN tag there is two bytes and the next type. */
function openTyped(bytes: Buffer, typeAt: number, start: number): Buffer | undefined {
  let at = start;
  let type = at > bytes.length ? undefined : bytes.readUInt16BE(typeAt);
  while (type !== undefined && vlanTags.has(type)) {
    type = at + 4 > bytes.length ? undefined : bytes.readUInt16BE(at + 2);
    at += 4;
  }
  if (type === ipv4Type || type === ipv6Type) return bytes.subarray(at);
  return type === pppoeSession ? openPppoe(bytes.subarray(at)) : undefined;
}

const pppoeHeaderLength = 6;

/** RFC 2516 section 4: version and type, code (0: a session's data), session, length. */
function openPppoe(bytes: Buffer): Buffer | undefined {
  return bytes[1] === 0 ? openPpp(bytes.subarray(pppoeHeaderLength)) : undefined;
}

const pppIPv4 = 0x0021;
const pppIPv6 = 0x0057;

/** RFC 1662 section 3.1: address and control may be left out (RFC 1661 section 6.6). */
function openPpp(bytes: Buffer): Buffer | undefined {
  const at = bytes[0] === 0xff && bytes[1] === 0x03 ? 2 : 0;
  if (at + 2 > bytes.length) return undefined;
  const protocol = bytes.readUInt16BE(at);
  return protocol === pppIPv4 || protocol === pppIPv6 ? bytes.subarray(at + 2) : undefined;
}

/** Each system's AF_INET and AF_INET6: all of them BSD's 2; Linux 10, Windows 23, the BSDs 24 and 28, Darwin 30. */
const ipFamilies = new Set([2, 10, 23, 24, 28, 30]);

/** A family in four bytes, in the writer's order (0) or big-endian (108): as all are small, one of the two fits. */
function openLoopback(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 4) return undefined;
  const isIP = ipFamilies.has(bytes.readUInt32LE()) || ipFamilies.has(bytes.readUInt32BE());
  return isIP ? bytes.subarray(4) : undefined;
}

const nflogHeaderLength = 4;
const nflogPayload = 9;

/** LINKTYPE_NFLOG: family, version, group; then attributes, whose lengths and types are in the writer's order. */
function openNflog(bytes: Buffer, littleEndian: boolean): Buffer | undefined {
  for (let at = nflogHeaderLength; at + 4 <= bytes.length; ) {
    const length = u16(bytes, at, littleEndian);
    if (length < 4 || at + length > bytes.length) return undefined;
    if (u16(bytes, at + 2, littleEndian) === nflogPayload) return bytes.subarray(at + 4, at + length);
    at += (length + 3) & ~3;
  }
  return undefined;
}
