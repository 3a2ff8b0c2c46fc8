/** Copies of portknockd of which a thread hangs or dies: that for datagrams where one to a certain port says so. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './folder.js';
import { project } from './isolation.js';
import type { Scope } from './program.js';

export const hangPort = 6661;
export const diePort = 6662;

const verifier = wrapped(`const ports = order.say === 'verify' ? order.packets.map(({ port }) => port) : [];
  if (ports.includes(${hangPort})) for (;;);
  if (ports.includes(${diePort})) throw new Error('as it was asked to');`);

const signatory = wrapped(`const doors = order.say === 'judge' ? order.claims.map(({ door }) => door) : [];
  if (doors.includes('hang')) for (;;);
  if (doors.includes('die')) throw new Error('as it was asked to');`);

/** A thread that does this with an order before it obeys. */
function wrapped(before: string): string {
  return `const { parentPort } = require('node:worker_threads');
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
parentPort.on('message', order => {
  ${before}
});
const filename = __filename.replace(/cjs$/, 'bundle.cjs');
new Script(readFileSync(filename, 'utf8'), { filename }).runInThisContext()(require, module, filename);
`;
}

/** @returns the path of its portknockd */
export function stubbornDaemon(scope: Scope): string {
  return copyWith(scope, 'verifier', verifier);
}

/** The same whose thread for signatures does so where a response is for a door that is called so. */
export function stubbornSignatory(scope: Scope): string {
  return copyWith(scope, 'signatory', signatory);
}

function copyWith(scope: Scope, thread: string, text: string): string {
  const folder = temporaryFolder(scope, 'stubborn', 0o755);
  const programs = join(folder, 'dist/src/daemon');
  mkdirSync(programs, { recursive: true });
  for (const name of ['portknockd', 'listener', thread]) {
    for (const ending of ['cjs', 'bundle.cjs']) {
      cpSync(`${project}/dist/src/daemon/${name}.${ending}`, join(programs, `${name}.${ending}`));
    }
  }
  writeFileSync(join(programs, `${thread}.cjs`), text);
  symlinkSync(`${project}/node_modules`, join(folder, 'node_modules'));
  return join(programs, 'portknockd.cjs');
}
