/** Netlink sockets to the kernel's netfilter, which NFLOG and nf_tables share (linux/netlink.h). */
import { compileUnless } from './filter.js';
import { closeOnExec, int32, libc, SystemError } from './libc.js';

const netlinkFamily = 16;
const raw = 3;
const netfilter = 12;
const netlinkLevel = 270;
const addressLength = 12;
/** In the address. */
const portAt = 4;
/** In a message. */
const senderAt = 12;

/** Options of a netlink socket. */
const netlinkOption = { addMembership: 1, noBufferErrors: 5, capAcknowledgements: 10 } as const;

const anyPort = 0;
/** Free, as far as one can know: the kernel itself takes the process's number, or numbers of the upper half. */
const quietPort = 0x50000000 + process.pid;

/**
 * A bound socket, with one option set.
 * @param isQuiet whether `ignoreQuiet` keeps what it changes from other sockets; the first can be
 * @returns a file descriptor @throws SystemError
 */
export function openNetfilter(option: keyof typeof netlinkOption, value: number, isQuiet = false): number {
  const c = libc();
  const fd = c.socket(netlinkFamily, raw | closeOnExec, netfilter);
  try {
    bind(fd, isQuiet ? quietPort : anyPort);
    c.setsockopt(fd, netlinkLevel, netlinkOption[option], int32(value), 4);
    return fd;
  } catch (error) {
    c.close(fd);
    throw error;
  }
}

function bind(fd: number, port: number): void {
  const address = Buffer.alloc(addressLength);
  address.writeUInt16LE(netlinkFamily, 0);
  address.writeUInt32LE(port, portAt);
  try {
    libc().bind(fd, address, addressLength);
  } catch (error) {
    // Another of ours, or of a process with our number in another container, has it.
    if (port === anyPort || !(error instanceof SystemError && error.code === 'EADDRINUSE')) throw error;
    bind(fd, anyPort);
  }
}

/**
 * Has the kernel tell a socket nothing of what this process's quiet socket changes. It tells of every element, faster
 * than an event loop reads.
 */
export function ignoreQuiet(fd: number): void {
  // The program sees words as big-endian. What one datagram tells of has been changed by one socket.
  const sender = Buffer.alloc(4);
  sender.writeUInt32LE(quietPort);
  libc().attachFilter(fd, compileUnless(senderAt, sender.readUInt32BE()));
}
