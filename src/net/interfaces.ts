/**
 * Network interfaces by name: their index, their addresses, and word of changes (rtnetlink(7)).
 */
import { networkInterfaces } from 'node:os';
import { parseAddress } from './address.js';
import { int32, libc } from './libc.js';
import { readDescriptor } from './readable.js';

/** All of them. */
export const anyInterface = 'any';

/** The index of an interface, or undefined where there is none of that name. */
export function interfaceIndex(name: string): number | undefined {
  return libc().if_nametoindex(name) || undefined;
}

/**
 * The addresses of an interface that is up, 16 bytes each and without scope, in a fixed order; of all interfaces for
 * `anyInterface`. None where it is down or not there.
 */
export function interfaceAddresses(name: string): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (const [label, addresses = []] of Object.entries(networkInterfaces())) {
    // An IPv4 address may have a label of its own, the interface's name and more after a colon.
    if (name !== anyInterface && label !== name && !label.startsWith(`${name}:`)) continue;
    for (const { address } of addresses) {
      const bytes = parseAddress(address.split('%', 1)[0]!);
      if (bytes !== undefined) found.set(address, bytes);
    }
  }
  return [...found.values()].sort(Buffer.compare);
}

const inet = 2;
const datagrams = 2;
const closeOnExec = 0o2000000;
/** SIOCGIFHWADDR of linux/sockios.h: its answer is an address whose family is the kind of link. */
const askHardwareAddress = 0x8927;
const requestLength = 40;
const nameLength = 16;
const ethernet = 1;
const loopback = 772;

/** Whether its frames are Ethernet's; the loopback's are. False where there is no such interface. */
export function isEthernet(name: string): boolean {
  const request = Buffer.alloc(requestLength);
  request.write(name, 0, nameLength - 1, 'latin1');
  const c = libc();
  const fd = c.socket(inet, datagrams | closeOnExec, 0);
  try {
    c.ioctl(fd, askHardwareAddress, request);
    const kind = request.readUInt16LE(nameLength);
    return kind === ethernet || kind === loopback;
  } catch {
    return false;
  } finally {
    c.close(fd);
  }
}

const netlinkFamily = 16;
const raw = 3;
const routes = 0;
const addressLength = 12;
const netlinkLevel = 270;
const noBufferErrors = 5;
/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR of linux/rtnetlink.h. */
const groups = 0x1 | 0x10 | 0x100;

/**
 * Calls `changed` after an interface or an address of one has come, gone or changed, often more than once for one
 * change. Does not keep the process alive. @throws SystemError
 */
export function watchInterfaces(changed: () => void): { close(): void } {
  const c = libc();
  const fd = c.socket(netlinkFamily, raw | closeOnExec, routes);
  try {
    // A message is lost only where others wait; whoever looks after reading those misses nothing.
    c.setsockopt(fd, netlinkLevel, noBufferErrors, int32(1), 4);
    const address = Buffer.alloc(addressLength);
    address.writeUInt16LE(netlinkFamily, 0);
    address.writeUInt32LE(groups, 8);
    c.bind(fd, address, address.length);
  } catch (error) {
    c.close(fd);
    throw error;
  }
  const socket = readDescriptor(fd, Buffer.allocUnsafeSlow(65536), () => changed()).unref();
  return { close: () => void socket.destroy() };
}
