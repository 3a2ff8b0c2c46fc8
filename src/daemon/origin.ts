/** From where the administrator is connected: the address that must not be locked out. */
import { readFileSync } from 'node:fs';
import { formatAddress, parseAddress } from '../net/address.js';

/** sudo and su drop the variable, so it is looked for in the processes that led here. */
const mostAncestors = 12;

/** The client address of the SSH connection that we are run through, or undefined. */
export function sshOrigin(): string | undefined {
  let pid = process.pid;
  let variable = process.env['SSH_CONNECTION'];
  for (let steps = 0; variable === undefined && pid > 1 && steps < mostAncestors; steps++) {
    pid = parentOf(pid);
    variable = environmentOf(pid)
      .find(entry => entry.startsWith('SSH_CONNECTION='))
      ?.slice('SSH_CONNECTION='.length);
  }
  // A link-local address comes with its zone, which means nothing in a rule. Where sshd was not asked over a network
  // there is a word instead of an address.
  const address = parseAddress(variable?.split(' ')[0]?.replace(/%.*$/, '') ?? '');
  return address && formatAddress(address);
}

function environmentOf(pid: number): string[] {
  return readProc(`/proc/${pid}/environ`).split('\0');
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readProc(`/proc/${pid}/status`))?.[1] ?? 0);
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
