/** Word to the service manager (sd_notify(3)): ready, still alive, reloading, stopping. Silent where there is none. */
import { closeOnExec, libc } from '../net/libc.js';

const unix = 1;
const datagram = 2;

/** Sends one state such as `READY=1`; a manager that does not listen is no failure of ours. */
export function notify(state: string): void {
  const path = process.env['NOTIFY_SOCKET'];
  if (path === undefined || !/^[/@]/.test(path)) return;
  // An abstract name begins with NUL and has none at its end.
  const name = path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`;
  const address = Buffer.concat([Uint8Array.of(unix, 0), Buffer.from(name)]);
  const message = Buffer.from(state);
  try {
    const fd = libc().socket(unix, datagram | closeOnExec, 0);
    try {
      libc().sendto(fd, message, message.length, 0, address, address.length);
    } finally {
      libc().close(fd);
    }
  } catch {
    // Nobody to tell.
  }
}

/** Milliseconds between two signs of life that the manager asks for, or undefined where it does not watch us. */
function watchdogMs(): number | undefined {
  const microseconds = Number(process.env['WATCHDOG_USEC']);
  const pid = process.env['WATCHDOG_PID'];
  if (!(microseconds > 0) || (pid !== undefined && Number(pid) !== process.pid)) return undefined;
  return microseconds / 1000;
}

/**
 * Tells the service manager that we are alive, as often as it wants to hear it.
 * @param ask finds out, and then calls what it is given @returns what ends it
 */
export function startWatchdog(ask: (answered: () => void) => void): () => void {
  const everyMs = watchdogMs();
  if (everyMs === undefined) return () => {};
  const beat = () => ask(() => notify('WATCHDOG=1'));
  beat();
  const timer = setInterval(beat, everyMs / 3);
  return () => clearInterval(timer);
}

/** The message that begins a reload (systemd 253 wants the moment with it). */
export function reloadingState(): string {
  return `RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`;
}
