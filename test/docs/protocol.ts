/** PROTOCOL.md as tests read it: its sections, and the examples in them. */
import assert from 'node:assert/strict';
import { readProjectFile } from '../house/project.js';

/** A file of the project that must be there. */
export function read(path: string): string {
  const text = readProjectFile(path);
  assert.ok(text !== undefined, `${path} is there`);
  return text;
}

/** The numbers of all sections, such as `1.4`. */
export function sectionNumbers(text: string): string[] {
  return Array.from(text.matchAll(/^#+ (\d+(?:\.\d+)?)\.? /gm), match => match[1]!);
}

/** The text of one section, without its subsections where it has any. */
export function section(text: string, number: string): string {
  const parts = text.split(/^(?=#+ \d)/m);
  const found = parts.filter(part => /^#+ (\d+(?:\.\d+)?)\.? /.exec(part)?.[1] === number);
  assert.equal(found.length, 1, `one section ${number}`);
  return found[0]!;
}

/** The blocks of code in a text, of one language where it is given. */
export function codeBlocks(text: string, language = ''): string[] {
  const blocks = Array.from(text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm));
  return blocks.filter(match => match[1] === language).map(match => match[2]!);
}

/** The last block of code of a section as fields: a name, two blanks, a value. */
export function exampleFields(text: string): Readonly<Record<string, string>> {
  const block = codeBlocks(text).at(-1) ?? '';
  const fields = block.trimEnd().split('\n');
  return Object.fromEntries(fields.map(line => /^(\S+(?: \S+)?) {2,}(.*)$/.exec(line)!.slice(1, 3)));
}

/** Bytes written in hexadecimal, with blanks between fields. */
export function bytes(hex: string | undefined): Buffer {
  const digits = (hex ?? '').replaceAll(' ', '');
  assert.match(digits, /^(?:[0-9a-f]{2})+$/);
  return Buffer.from(digits, 'hex');
}
