/** Folders for tests of the daemon: empty at first, gone at the end of the test; and the files that they begin with. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder that its owner alone may enter. */
export function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'portknock-daemon-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** @returns its path */
export function writeFile(folder: string, name: string, text: string | Uint8Array, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  return path;
}

/** The text of a key file that holds one byte 32 times. */
export function keyText(byte: number): string {
  return `${byte.toString(16).padStart(2, '0').repeat(32)}\n`;
}

/** A folder with the key files that the configurations of the tests name. */
export function folderWithKeys(t: TestContext): string {
  const folder = temporaryFolder(t);
  writeFile(folder, 'site.key', keyText(0x51));
  writeFile(folder, 'laptop.key', keyText(0x1a));
  writeFile(folder, 'phone.key', keyText(0x2b));
  writeFile(folder, 'old.pass', 'open sesame\n');
  return folder;
}
