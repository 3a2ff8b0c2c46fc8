/**
 * Capture files, pcap and pcapng: bytes → IP packets with their times, for `portknockd explain`.
 *
 * Pure: it opens no file. Whatever the bytes are, it does not throw; a damaged file gives what came before the damage.
 */
import { type Damage, type Frame, isKnownLink, openFrame } from './link.js';
import { isPcap, readPcap } from './pcap.js';
import { isPcapng, readPcapng } from './pcapng.js';

/** What a capture file held. */
export interface CaptureSummary {
  /** Frames in the file, of every kind. */
  readonly frames: number;
  /** IP packets handed over. */
  readonly packets: number;
  /** Frames that could not be opened because their link type is not known. */
  readonly unknownLink: number;
  /** The link type of the first of them, where the file says it. */
  readonly unknownLinkType: number | undefined;
  /** IP packets without a time of their own, handed over with the time of the packet before (0 where there is none). */
  readonly untimed: number;
  /** Where the file could not be read on, and why; undefined where it was read to its end. */
  readonly damage: Damage | undefined;
}

/** Whether the first bytes of a file (12 are enough) are those of a capture file. */
export function isCaptureFile(bytes: Uint8Array): boolean {
  const file = asBuffer(bytes);
  return isPcap(file) || isPcapng(file);
}

/**
 * Reads a whole capture file.
 * @param packet called for each IP packet, in the order of the file, with a view of its bytes and its time in whole
 *   milliseconds since 1970
 */
export function readCaptureFile(
  bytes: Uint8Array,
  packet: (ip: Buffer, atMs: number) => void,
): CaptureSummary {
  const file = asBuffer(bytes);
  const counts = { frames: 0, packets: 0, unknownLink: 0, untimed: 0 };
  let unknownLinkType: number | undefined;
  let lastMs = 0;
  const take = (frame: Frame) => {
    counts.frames++;
    if (!isKnownLink(frame.linkType) && counts.unknownLink++ === 0) unknownLinkType = frame.linkType;
    lastMs = frame.atMs ?? lastMs;
    const ip = openFrame(frame);
    if (ip === undefined) return;
    counts.packets++;
    if (frame.atMs === undefined) counts.untimed++;
    packet(ip, lastMs);
  };
  const damage = isPcapng(file) ? readPcapng(file, take) : readPcap(file, take);
  return { ...counts, unknownLinkType, damage };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
