/** What the figures were measured on, without which they mean nothing. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release } from 'node:os';

export interface Machine {
  readonly date: string;
  readonly portknock: string;
  readonly knockd: string;
  readonly node: string;
  readonly kernel: string;
  readonly processor: string;
  readonly processors: number;
  /** Of the minute before: others may have been at work. */
  readonly load: number;
  readonly privileges: string;
}

export function describeMachine(kind: string): Machine {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const knockd = spawnSync('knockd', ['-V'], { encoding: 'utf8' }).stdout ?? '';
  return {
    date: new Date().toISOString(),
    portknock: version,
    knockd: /knockd (\S+)/.exec(knockd)?.[1] ?? 'unknown',
    node: process.version,
    kernel: release(),
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    load: loadavg()[0]!,
    privileges: kind === 'root' ? 'root' : 'user namespace (smaller receive buffers: a flood loses more)',
  };
}

export function formatMachine(machine: Machine): string {
  const { date, portknock, knockd, node, kernel, processor, processors, load, privileges } = machine;
  return [
    `portknock ${portknock} against knockd ${knockd}, 16 ports each · Node ${node} · Linux ${kernel} · ${date}`,
    `${processors} × ${processor} · load before ${load.toFixed(2)} · as ${privileges}`,
  ].join('\n');
}
