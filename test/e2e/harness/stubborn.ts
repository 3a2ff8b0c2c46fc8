/** A copy of portknockd whose thread for datagrams hangs or dies where a datagram to a certain port says so. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './folder.js';
import { project } from './isolation.js';
import type { Scope } from './program.js';

export const hangPort = 6661;
export const diePort = 6662;

const verifier = `const { parentPort } = require('node:worker_threads');
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
parentPort.on('message', order => {
  const ports = order.say === 'verify' ? order.packets.map(({ port }) => port) : [];
  if (ports.includes(${hangPort})) for (;;);
  if (ports.includes(${diePort})) throw new Error('as it was asked to');
});
const filename = __filename.replace(/cjs$/, 'bundle.cjs');
new Script(readFileSync(filename, 'utf8'), { filename }).runInThisContext()(require, module, filename);
`;

/** @returns the path of its portknockd */
export function stubbornDaemon(scope: Scope): string {
  const folder = temporaryFolder(scope, 'stubborn', 0o755);
  const programs = join(folder, 'dist/src/daemon');
  mkdirSync(programs, { recursive: true });
  for (const name of ['portknockd', 'listener', 'verifier']) {
    for (const ending of ['cjs', 'bundle.cjs']) {
      cpSync(`${project}/dist/src/daemon/${name}.${ending}`, join(programs, `${name}.${ending}`));
    }
  }
  writeFileSync(join(programs, 'verifier.cjs'), verifier);
  symlinkSync(`${project}/node_modules`, join(folder, 'node_modules'));
  return join(programs, 'portknockd.cjs');
}
