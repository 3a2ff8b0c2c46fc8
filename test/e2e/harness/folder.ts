/** Folders that a test writes into: empty at first, gone at its end. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from './program.js';

/** @param mode for others than the owner to enter it, give 0o755 */
export function temporaryFolder(scope: Scope, role: string, mode = 0o700): string {
  const path = mkdtempSync(join(tmpdir(), `${role}-`));
  chmodSync(path, mode);
  scope.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Writes a file that its owner alone may read. @returns its path */
export function writeSecret(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
