/** What the kernel knows of running processes: their memory, their time on the processors, and how often they wake. */
import { readdirSync, readFileSync } from 'node:fs';

const pageBytes = 4096;
const mib = 1 << 20;

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

/** Milliseconds on a processor, of all threads since their start: what proc(5) calls utime and stime, to the nanosecond. */
export function processorMs(pid: number): number {
  return sumOverThreads(pid, 'schedstat', text => Number(text.split(' ')[0]) / 1e6);
}

/** How often its threads have gone to sleep of their own will, and so were woken. */
export function wakeups(pid: number): number {
  return sumOverThreads(pid, 'status', text => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1]));
}

function sumOverThreads(pid: number, file: string, read: (text: string) => number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map(thread => read(readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'latin1')))
    .reduce((sum, each) => sum + each, 0);
}
