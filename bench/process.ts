/** What the kernel knows of running processes: their memory and their time on the processors. */
import { readFileSync } from 'node:fs';

const pageBytes = 4096;
const mib = 1 << 20;
/** USER_HZ, which is 100 on every machine that Node runs on. */
const tickMs = 10;

/** Resident memory, in MiB. What processes share counts in each of them. */
export function residentMib(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
  return (pages * pageBytes) / mib;
}

/** The most that it was since its start, in MiB. */
export function mostResidentMib(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(kib) / 1024;
}

/** Proportional set size, in MiB: what processes share is divided among them. */
export function proportionalMib(pid: number): number {
  const kib = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1];
  return Number(kib) / 1024;
}

/** Milliseconds on a processor since its start, in steps of 10. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name before may hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}
