/** The real knockd, on the loopback of a namespace, with its standard output told as soon as it is said. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from './namespace.js';
import type { Program } from './program.js';

export const realKnockd = 'knockd';

/** What -D and -v say of a configuration goes before this. */
const afterReading = /^(usage: |ethernet interface detected$)/;

/** Starts it with a configuration; what it writes is found beside that. */
export function startKnockd(namespace: Namespace, folder: string, text: string | Uint8Array): Program {
  writeFileSync(join(folder, 'knockd.conf'), text);
  const argv = ['-c', 'knockd.conf', '-i', 'lo', '-D', '-v', '-g', 'knockd.log'];
  return namespace.start(realKnockd, argv, { cwd: folder });
}

/** What it said of its configuration. */
export function readingOf(knockd: Program): readonly string[] {
  const lines = knockd.stdout.split('\n');
  const end = lines.findIndex(line => afterReading.test(line));
  return lines.slice(0, end < 0 ? undefined : end);
}
