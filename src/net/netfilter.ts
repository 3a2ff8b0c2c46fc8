/** Netlink sockets to the kernel's netfilter, which NFLOG and nf_tables share (linux/netlink.h). */
import { int32, libc } from './libc.js';

const netlinkFamily = 16;
const raw = 3;
const closeOnExec = 0o2000000;
const netfilter = 12;
const netlinkLevel = 270;
const addressLength = 12;

/** Options of a netlink socket. */
const netlinkOption = { addMembership: 1, noBufferErrors: 5, capAcknowledgements: 10 } as const;

/** A bound socket, with one option set. @returns a file descriptor @throws SystemError */
export function openNetfilter(option: keyof typeof netlinkOption, value: number): number {
  const c = libc();
  const fd = c.socket(netlinkFamily, raw | closeOnExec, netfilter);
  try {
    const address = new Uint8Array(addressLength);
    address[0] = netlinkFamily;
    c.bind(fd, address, addressLength);
    c.setsockopt(fd, netlinkLevel, netlinkOption[option], int32(value), 4);
    return fd;
  } catch (error) {
    c.close(fd);
    throw error;
  }
}
