/** What the figures were measured on, without which they mean nothing. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release } from 'node:os';
import { spelling } from './portknock.js';

export interface Machine {
  readonly date: string;
  readonly portknock: string;
  readonly knockd: string;
  readonly fwknopd: string;
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
  return {
    date: new Date().toISOString(),
    portknock: `${version} (${spelling})`,
    knockd: `${versionOf('knockd', /knockd (\S+)/)} (16 SYNs)`,
    fwknopd: versionOf('fwknopd', /server ([^\s,]+)/),
    node: process.version,
    kernel: release(),
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    load: loadavg()[0]!,
    privileges: kind === 'root' ? 'root' : 'user namespace (smaller receive buffers: a flood loses more)',
  };
}

function versionOf(program: string, pattern: RegExp): string {
  const { stdout } = spawnSync(program, ['-V'], { encoding: 'utf8' });
  return pattern.exec(stdout ?? '')?.[1] ?? 'unknown';
}

export function formatMachine(machine: Machine): string {
  const { date, portknock, knockd, fwknopd, node, kernel, processor, processors, load, privileges } = machine;
  return [
    `portknock ${portknock}, knockd ${knockd}, fwknopd ${fwknopd} · Node ${node} · Linux ${kernel} · ${date}`,
    `${processors} × ${processor} · load before ${load.toFixed(2)} · as ${privileges}`,
  ].join('\n');
}
