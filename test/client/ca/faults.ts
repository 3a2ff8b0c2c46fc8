/** A program that is ended, or finds no room, at one certain step of what it does to files. */
import { writeFileSync } from 'node:fs';

/**
 * Loaded before a program (`--require`). FAULT says what happens: `kill` or `kill-half` (a write is begun) or an error's code;
 * STEP at which step, from 1; each step is written down in STEPS.
 */
const hook = `
const fs = require('node:fs');
const { FAULT, STEP, STEPS } = process.env;
const { appendFileSync, readlinkSync } = fs;
const real = { ...fs };
let steps = 0;
const changes = (name, args) => name !== 'openSync' || /w|a|\\+/.test(String(args[1]));
const named = value => {
  try { return typeof value === 'number' ? readlinkSync('/proc/self/fd/' + value) : String(value); } catch { return '?'; }
};
let isOurs = false;
for (const name of ['mkdirSync', 'openSync', 'writeFileSync', 'writeSync', 'fsyncSync', 'renameSync', 'rmSync']) {
  fs[name] = (...args) => {
    if (isOurs || !changes(name, args)) return real[name](...args);
    isOurs = true;
    try {
      if (STEPS) appendFileSync(STEPS, [name, ...args.slice(0, name === 'renameSync' ? 2 : 1).map(named)].join(' ') + '\\n');
      steps += 1;
      if (steps === Number(STEP)) {
        if (FAULT === 'kill-half' && name === 'writeFileSync') real.writeFileSync(args[0], args[1].slice(0, args[1].length >> 1));
        if (FAULT.startsWith('kill')) process.kill(process.pid, 'SIGKILL');
        throw Object.assign(new Error(FAULT), { code: FAULT });
      }
      return real[name](...args);
    } finally {
      isOurs = false;
    }
  };
}
`;

/** What is to happen to a program. */
export interface Fault {
  readonly kind: 'kill' | 'kill-half' | 'ENOSPC' | 'none';
  readonly step: number;
  /** Where its steps are written down. */
  readonly steps?: string;
}

/** Keeps the hook in a folder. @returns the environment of a program with a fault */
export function environmentOf(folder: string, { kind, step, steps = '' }: Fault): Record<string, string> {
  const path = `${folder}/faults.cjs`;
  writeFileSync(path, hook);
  return { NODE_OPTIONS: `--require ${path}`, FAULT: kind, STEP: String(step), STEPS: steps };
}
