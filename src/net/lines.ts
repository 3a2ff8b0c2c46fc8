/**
 * Lines of firewall hits, `destination_port source_address` (PROTOCOL.md section 2): text ⇄ hits.
 */
import { formatAddress, parseAddress } from './address.js';

/** One line of the text form, with its newline. */
export function formatHit(port: number, source: Uint8Array): string {
  return `${port} ${formatAddress(source)}\n`;
}

/** A line longer than this is no hit, whatever follows: port, space and the longest address need 51 characters. */
const longestLine = 64;

/** Cuts a stream of bytes into hits; keeps at most one unfinished line. */
export class HitLines {
  /** Lines that were neither hits, empty, nor comments. */
  malformed = 0;
  #rest = '';
  #skipping = false;

  /** Calls `hit` for each whole line of the chunk that is one. */
  push(chunk: string, hit: (port: number, source: Uint8Array) => void): void {
    const lines = (this.#rest + chunk).split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      if (this.#skipping) this.#skipping = false;
      else this.#line(line, hit);
    }
    this.#keep(rest);
  }

  /** The stream is over: what is left is a line too. */
  end(hit: (port: number, source: Uint8Array) => void): void {
    const rest = this.#rest;
    this.#rest = '';
    if (!this.#skipping) this.#line(rest, hit);
    this.#skipping = false;
  }

  #keep(rest: string): void {
    this.#rest = rest;
    if (this.#skipping) {
      this.#rest = '';
    } else if (rest.length > longestLine && !rest.startsWith('#')) {
      this.malformed++;
      this.#rest = '';
      this.#skipping = true;
    } else if (rest.length > longestLine) {
      this.#rest = '#';
    }
  }

  #line(line: string, hit: (port: number, source: Uint8Array) => void): void {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (text === '' || text.startsWith('#')) return;
    const match = /^(\d{1,5}) ([0-9a-fA-F:.]{2,45})$/.exec(text);
    const port = Number(match?.[1]);
    const source = match?.[2] === undefined ? undefined : parseAddress(match[2]);
    if (source === undefined || port < 1 || port > 65535) this.malformed++;
    else hit(port, source);
  }
}
