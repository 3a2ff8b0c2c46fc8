/**
 * Connections whose first packet has a sequence number of our choice, through TCP_REPAIR (tcp(7)): Linux, with
 * CAP_NET_ADMIN. But for the number, the packet is the kernel's own.
 */
import { closeOnExec, int32, libc, nonBlocking, SystemError } from './libc.js';

const inet = 2;
const inet6 = 10;
const stream = 1;

const tcpLevel = 6;
const repairOption = 19;
const repairQueueOption = 20;
const queueSequenceOption = 21;
const sendQueue = 2;
const repairOn = 1;
/** Off, without the window probe that would be sent for a connection that stands. */
const repairOffSilently = -1;

/** Why numbers cannot be chosen here: another system, a privilege that is not there, or a kernel that knows no TCP_REPAIR. */
export type NumberingObstacle = 'not-linux' | 'no-privilege' | 'no-repair';

/**
 * A TCP socket that is not connected yet: its SYN will have this sequence number.
 * @param number 1 to 2^32 − 1; for 0 the kernel would take one of its own
 * @returns a descriptor that does not block and is closed by exec; whoever gets it closes it
 * @throws SystemError, EPERM without CAP_NET_ADMIN in the network namespace's user namespace
 */
export function openNumbered(family: 4 | 6, number: number): number {
  if (!Number.isInteger(number) || number < 1 || number > 0xffffffff) {
    throw new RangeError(`"number" expected integer 1 to 4294967295, got ${number}`);
  }
  const fd = openUnconnected(family);
  try {
    setOption(fd, repairOption, repairOn);
    setOption(fd, repairQueueOption, sendQueue);
    setOption(fd, queueSequenceOption, number);
    setOption(fd, repairOption, repairOffSilently);
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** A TCP socket as Node would make it. @throws SystemError */
export function openUnconnected(family: 4 | 6): number {
  return libc().socket(family === 4 ? inet : inet6, stream | nonBlocking | closeOnExec, 0);
}

/** Puts a socket in the place of another one, which is closed by that; its own descriptor is closed. @throws SystemError */
export function putInPlace(fd: number, place: number): void {
  try {
    // Closed by exec from the first: another thread may start a program meanwhile.
    libc().dup3(fd, place, closeOnExec);
  } finally {
    libc().close(fd);
  }
}

/** Why numbers cannot be chosen here, or undefined where they can. Sends nothing. */
export function numberingObstacle(): NumberingObstacle | undefined {
  if (process.platform !== 'linux') return 'not-linux';
  try {
    libc().close(openNumbered(4, 1));
    return undefined;
  } catch (error) {
    const code = error instanceof SystemError ? error.code : undefined;
    if (code === 'EPERM') return 'no-privilege';
    // ENOPROTOOPT where it is unknown, EINVAL where the silent end is, and what sandboxes say.
    if (error instanceof SystemError && error.call === 'setsockopt') return 'no-repair';
    throw error;
  }
}

function setOption(fd: number, option: number, value: number): void {
  const bytes = int32(value);
  libc().setsockopt(fd, tcpLevel, option, bytes, bytes.length);
}
