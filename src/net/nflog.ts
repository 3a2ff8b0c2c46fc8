/**
 * NFLOG: packets that a firewall rule logs to a group, read over netlink (linux/netfilter/nfnetlink_log.h).
 *
 * Opening and tuning need CAP_NET_ADMIN; reading needs nothing but the open socket. So one process opens it and another
 * may read it.
 */
import type { Socket } from 'node:net';
import { libc, SystemError } from './libc.js';
import { openNetfilter } from './netfilter.js';
import {
  attribute,
  be16,
  be32,
  eachAttribute,
  eachMessage,
  netfilterHeaderLength,
  netfilterMessage,
  netlinkAck,
  netlinkError,
  netlinkRequest,
} from './netlink.js';
import type { PacketEvents } from './packetevents.js';
import { enlargeReceiveBuffer, readDescriptor } from './readable.js';

const subsystem = 4;
const packetMessage = 0;
const configMessage = 1;
const packetType = (subsystem << 8) | packetMessage;

const configCommand = 1;
const configMode = 2;
const configBufferSize = 3;
const configTimeout = 4;
const configThreshold = 5;
const configFlags = 6;
const bindGroup = 1;
const copyPacket = 2;
const numberPackets = 1;

const deviceAttribute = 4;
const payloadAttribute = 9;
const prefixAttribute = 10;
const sequenceAttribute = 12;

/** Bytes of a packet that are copied to us at most: a datagram of the greatest length. Other rules say for less. */
const snapLength = 4400;
/** One datagram's worth of packets in the kernel, so also the length of our buffer. */
const batchLength = 65536;
const receiveBufferLength = 16 << 20;
/** About as many of the shorter ones as fit in a batch; of the others the kernel hands over fewer. */
const mostGathered = 256;

/**
 * Opens a group for reading, one packet a datagram.
 * @returns a file descriptor
 * @throws SystemError, EPERM both without CAP_NET_ADMIN and where another process reads the group
 */
export function openNflog(group: number): number {
  // Otherwise one overflow closes the socket to everything until it has been drained.
  const fd = openNetfilter('noBufferErrors', 1);
  try {
    enlargeReceiveBuffer(fd, receiveBufferLength);
    const mode = Buffer.alloc(6);
    mode.writeUInt32BE(snapLength);
    mode.writeUInt8(copyPacket, 4);
    for (const setting of [
      attribute(configCommand, Uint8Array.of(bindGroup)),
      attribute(configMode, mode),
      be32(configBufferSize, batchLength),
      be32(configTimeout, 1),
      be32(configThreshold, 1),
      be16(configFlags, numberPackets),
    ]) {
      configure(fd, group, netlinkRequest | netlinkAck, setting);
      requireAck(fd);
    }
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** What a person can do where a group could not be opened. */
export function nflogHint({ code }: SystemError): string {
  return code === 'EPERM'
    ? 'either CAP_NET_ADMIN is missing (run as root), or another program reads this group: choose another'
    : 'the kernel needs nfnetlink_log (modprobe nfnetlink_log)';
}

/**
 * Makes the kernel gather packets to a datagram, 1 (each at once) to 256; where fewer come they wait for at most 10 ms.
 * Needs CAP_NET_ADMIN, in this process too.
 */
export function setNflogGathered(fd: number, group: number, packets: number): void {
  configure(fd, group, netlinkRequest, be32(configThreshold, Math.min(Math.max(packets, 1), mostGathered)));
}

function configure(fd: number, group: number, flags: number, setting: Buffer): void {
  const message = netfilterMessage(subsystem, configMessage, flags, 1, 0, group, setting);
  libc().sendto(fd, message, message.length, 0, null, 0);
}

function requireAck(fd: number): void {
  const answer = Buffer.alloc(4096);
  // Packets may already arrive between the settings; they are read past.
  for (;;) {
    const length = libc().recv(fd, answer, answer.length, 0);
    let errno: number | undefined;
    eachMessage(answer.subarray(0, length), (type, start) => {
      if (type === netlinkError) errno = -answer.readInt32LE(start + 16);
    });
    if (errno === 0) return;
    if (errno !== undefined) throw new SystemError('bind to NFLOG group', errno);
  }
}

/** Reads an open group until the socket is destroyed. */
export function readNflog(fd: number, events: PacketEvents): Socket {
  let expected = -1;
  let count = 0;
  const buffer = Buffer.allocUnsafeSlow(batchLength + 4096);
  const logged: Logged = { ...nothing };
  const take = attributeReader(buffer, logged);
  const message = (type: number, start: number, end: number) => {
    if (type !== packetType) return;
    Object.assign(logged, nothing);
    eachAttribute(buffer, start + netfilterHeaderLength, end, take);
    const { start: from, end: until, prefix, device, sequence } = logged;
    if (sequence >= 0) {
      if (expected >= 0 && sequence !== expected) events.lost((sequence - expected) >>> 0);
      expected = (sequence + 1) >>> 0;
    }
    count++;
    if (until > 0) events.packet(buffer, from, until, prefix, device);
  };
  return readDescriptor(fd, buffer, datagram => {
    count = 0;
    events.begin();
    eachMessage(datagram, message);
    events.batch(count);
  });
}

/** What a message says of a packet, which lies between two offsets. */
interface Logged {
  start: number;
  end: number;
  prefix: string;
  device: number;
  /** −1 where it is not told. */
  sequence: number;
}

const nothing: Readonly<Logged> = { start: 0, end: 0, prefix: '', device: 0, sequence: -1 };

function attributeReader(buffer: Buffer, logged: Logged): (type: number, start: number, end: number) => void {
  const spell = prefixReader(buffer);
  return (type, start, end) => {
    if (type === payloadAttribute) {
      logged.start = start;
      logged.end = end;
    } else if (type === prefixAttribute) logged.prefix = spell(start, end);
    else if (type === deviceAttribute) logged.device = buffer.readUInt32BE(start);
    else if (type === sequenceAttribute) logged.sequence = buffer.readUInt32BE(start);
  };
}

/** Reads a text with its closing NUL, mostly empty; one that comes again and again is made once. */
function prefixReader(buffer: Buffer): (start: number, end: number) => string {
  let last = '';
  return (start, end) => {
    if (end - start <= 1) return '';
    let at = 0;
    while (at < last.length && buffer[start + at] === last.charCodeAt(at)) at++;
    if (at < last.length || start + at + 1 !== end) last = buffer.toString('latin1', start, end - 1);
    return last;
  };
}
