#!/usr/bin/env node
/**
 * Starts a program that scripts/bundle.mjs made of many files, with what V8 compiled of it in advance. A copy of this
 * stands beside each program, under the name that people call.
 *
 * What was compiled is used only where it is whole, of this very program and of this very Node, which V8 does not look
 * at closely. It lies beside the program and needs no other guard: who can write the one can write the other.
 */
const { createHash } = require('node:crypto') as typeof import('node:crypto');
const { readFileSync, statSync } = require('node:fs') as typeof import('node:fs');
const { Script } = require('node:vm') as typeof import('node:vm');

const markLength = 32;

/** What stands before compiled code: the digest of it, of its source, and of what tells one Node from another. */
function mark(source: Buffer, compiled: Buffer): Buffer {
  const { size, mtimeMs } = statSync(process.execPath);
  const node = `${process.version} ${process.arch} ${size} ${mtimeMs}\n`;
  return createHash('sha256').update(node).update(source).update(compiled).digest();
}

/** The compiled code in a file, where it can be used. */
function readCompiled(path: string, source: Buffer): Buffer | undefined {
  try {
    const file = readFileSync(path);
    const compiled = file.subarray(markLength);
    return mark(source, compiled).equals(file.subarray(0, markLength)) ? compiled : undefined;
  } catch {
    // There need not be any.
    return undefined;
  }
}

function start(base: string): void {
  const filename = `${base}.bundle.cjs`;
  const source = readFileSync(filename);
  const cachedData = readCompiled(`${base}.compiled`, source);
  const script = new Script(source.toString(), { filename, cachedData });
  script.runInThisContext()(require, module, filename);
}

if (require.main === module) start(__filename.slice(0, -'.cjs'.length));
else module.exports = { mark };
