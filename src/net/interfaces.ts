/**
 * Network interfaces by name: their index, their addresses, and word of changes (rtnetlink(7)).
 */
import { addressLength } from './address.js';
import { closeOnExec, doNotWait, int32, libc, SystemError } from './libc.js';
import { eachAttribute, eachMessage, netlinkError, netlinkRequest } from './netlink.js';
import { readDescriptor } from './readable.js';

/** All of them. */
export const anyInterface = 'any';

/** The index of an interface, or undefined where there is none of that name. */
export function interfaceIndex(name: string): number | undefined {
  return libc().if_nametoindex(name) || undefined;
}

/**
 * The addresses of an interface, 16 bytes each and without scope, in a fixed order, also while it is down; of all
 * interfaces for `anyInterface`. @throws SystemError
 */
export function interfaceAddresses(name: string): Uint8Array[] {
  const wanted = name === anyInterface ? undefined : (interfaceIndex(name) ?? -1);
  const found = new Map<string, Uint8Array>();
  // Node's own list leaves out interfaces without a carrier, whose addresses are reached through others all the same.
  eachAddress((index, address) => {
    if (wanted === undefined || wanted === index) found.set(address.join(), address);
  });
  return [...found.values()].sort(Buffer.compare);
}

const inet = 2;
const datagrams = 2;
/** SIOCGIFHWADDR and SIOCGIFFLAGS of linux/sockios.h; the hardware address begins with the kind of link. */
const askHardwareAddress = 0x8927;
const requestLength = 40;
const nameLength = 16;
const ethernet = 1;
const loopback = 772;

const askFlags = 0x8913;
const running = 0x40;

/** Whether its frames are Ethernet's; the loopback's are. False where there is no such interface. */
export function isEthernet(name: string): boolean {
  const kind = ask(name, askHardwareAddress);
  return kind === ethernet || kind === loopback;
}

/** Whether it is up and has a carrier. False where there is no such interface; all together are always. */
export function isRunning(name: string): boolean {
  return name === anyInterface || ((ask(name, askFlags) ?? 0) & running) !== 0;
}

/** @returns the first 16 bits of the answer, undefined where there is none (netdevice(7)) */
function ask(name: string, question: number): number | undefined {
  const request = Buffer.alloc(requestLength);
  request.write(name, 0, nameLength - 1, 'latin1');
  const c = libc();
  const fd = c.socket(inet, datagrams | closeOnExec, 0);
  try {
    c.ioctl(fd, question, request);
    return request.readUInt16LE(nameLength);
  } catch {
    return undefined;
  } finally {
    c.close(fd);
  }
}

const netlinkFamily = 16;
const raw = 3;
const routes = 0;
const socketAddressLength = 12;
const netlinkLevel = 270;
const noBufferErrors = 5;
/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR of linux/rtnetlink.h. */
const groups = 0x1 | 0x10 | 0x100;

/** A socket that is told of changes in some groups. @throws SystemError */
function openRoutes(told: number): number {
  const c = libc();
  const fd = c.socket(netlinkFamily, raw | closeOnExec, routes);
  try {
    // A message is lost only where others wait; whoever looks after reading those misses nothing.
    c.setsockopt(fd, netlinkLevel, noBufferErrors, int32(1), 4);
    const address = Buffer.alloc(socketAddressLength);
    address.writeUInt16LE(netlinkFamily, 0);
    address.writeUInt32LE(told, 8);
    c.bind(fd, address, address.length);
    return fd;
  } catch (error) {
    c.close(fd);
    throw error;
  }
}

/**
 * Calls `changed` after an interface or an address of one has come, gone or changed, often more than once for one
 * change. Does not keep the process alive. @throws SystemError
 */
export function watchInterfaces(changed: () => void): { close(): void } {
  const buffer = Buffer.allocUnsafeSlow(datagramLength);
  const socket = readDescriptor(openRoutes(groups), buffer, () => changed()).unref();
  return { close: () => void socket.destroy() };
}

const datagramLength = 65536;
const headerLength = 16;
/** ifaddrmsg: family, three bytes, index. */
const familyLength = 8;
const dump = 0x300;
const done = 3;
const newAddress = 20;
const getAddress = 22;
const peerAttribute = 1;
const localAttribute = 2;

/** @throws SystemError */
function eachAddress(each: (index: number, address: Uint8Array) => void): void {
  const c = libc();
  const fd = openRoutes(0);
  try {
    const request = Buffer.alloc(headerLength + familyLength);
    request.writeUInt32LE(request.length, 0);
    request.writeUInt16LE(getAddress, 4);
    request.writeUInt16LE(netlinkRequest | dump, 6);
    c.sendto(fd, request, request.length, 0, null, 0);
    const answer = Buffer.allocUnsafe(datagramLength);
    let isDone = false;
    const take = (type: number, start: number, end: number) => {
      if (type === netlinkError) throw new SystemError('list addresses', -answer.readInt32LE(start + 16));
      if (type === done) isDone = true;
      if (type === newAddress)
        each(answer.readUInt32LE(start + headerLength + 4), localOf(answer, start, end));
    };
    // The kernel has the next part ready when one has been read; what is not there does not come.
    while (!isDone) eachMessage(answer.subarray(0, c.recv(fd, answer, answer.length, doNotWait)), take);
  } finally {
    c.close(fd);
  }
}

/** The local address in one message: on a link from point to point, the other attribute is the far end's. */
function localOf(message: Buffer, start: number, end: number): Uint8Array {
  const address = new Uint8Array(addressLength);
  let kind = 0;
  eachAttribute(message, start + headerLength + familyLength, end, (type, from, to) => {
    if ((type !== localAttribute && type !== peerAttribute) || type < kind) return;
    kind = type;
    if (to - from === 4) address.fill(0xff, 10, 12);
    address.set(message.subarray(from, to), addressLength - (to - from));
  });
  return address;
}
