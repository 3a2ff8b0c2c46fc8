/**
 * A plain sequence: the ports that are knocked at, in order, and how people write them (PROTOCOL.md section 6).
 *
 * It holds no secret but itself: whoever has seen it once can knock.
 */
import { tcp, udp } from '../../net/packet.js';

/** One packet of a sequence. */
export interface Step {
  /** IP protocol number: `tcp` or `udp`. */
  readonly protocol: number;
  /** Destination port, 0 to 65535. */
  readonly port: number;
}

/** As long as knockd's can be. */
export const longestSequence = 32;

/** `7000/tcp` → a step; undefined for what is none. Ports from 1 to 65535. */
export function parseStep(text: string): Step | undefined {
  const match = /^(\d{1,5})\/(tcp|udp)$/.exec(text);
  const port = Number(match?.[1]);
  if (match === null || port < 1 || port > 65535) return undefined;
  return { protocol: match[2] === 'tcp' ? tcp : udp, port };
}

/** { protocol: 6, port: 7000 } → `7000/tcp`. */
export function formatStep({ protocol, port }: Step): string {
  return `${port}/${protocol === udp ? 'udp' : 'tcp'}`;
}

/** Why a text is no sequence to knockd, in its words. */
export interface SequenceMistake {
  readonly mistake: string;
}

/**
 * A sequence as knockd reads it, `7000,8000:udp,9000:tcp`: the C library's number at the start of each part and nothing
 * said of what stands behind it, nor of a number below 0, which is taken modulo 2^16.
 * @returns 1 to 32 steps, or knockd's own words for what is wrong
 */
export function parseSequence(text: string): readonly Step[] | SequenceMistake {
  const steps: Step[] = [];
  for (const part of text.split(',')) {
    if (steps.length === longestSequence) return { mistake: 'too many ports in knock sequence' };
    const [number = '', protocol] = part.split(':');
    const port = leadingInteger(number);
    if (port > 65535) return { mistake: `port ${number} is invalid` };
    const name = protocol === undefined ? 'tcp' : trimBlanks(protocol).toLowerCase();
    if (name !== 'tcp' && name !== 'udp') return { mistake: 'unknown protocol in knock sequence' };
    steps.push({ protocol: name === 'udp' ? udp : tcp, port: port & 0xffff });
  }
  return steps;
}

/** [{ protocol: 6, port: 7000 }, …] → `7000:tcp,8000:udp`, as knockd writes it. */
export function formatSequence(steps: readonly Step[]): string {
  return steps.map(step => formatStep(step).replace('/', ':')).join(',');
}

/** The ends of the C library's long, which atoi(3) keeps a number within before it takes the low 32 bits. */
const longest = { least: -(2n ** 63n), most: 2n ** 63n - 1n };

/** What atoi(3) makes of a text on Linux with 64 bits: an integer of 32 bits, 0 where there is no number. */
export function leadingInteger(text: string): number {
  const [, sign, digits = '0'] = /^[ \t\n\v\f\r]*([+-]?)(\d+)/.exec(text) ?? [];
  const number = sign === '-' ? -BigInt(digits) : BigInt(digits);
  const kept = number > longest.most ? longest.most : number < longest.least ? longest.least : number;
  return Number(BigInt.asIntN(32, kept));
}

/** Without the blanks at its ends: those of isspace(3) in the C locale, not all of Unicode's. */
export function trimBlanks(text: string): string {
  return text.replace(/^[ \t\n\v\f\r]+/, '').replace(/(?<![ \t\n\v\f\r])[ \t\n\v\f\r]+$/, '');
}

/** RFC 9293 section 3.1, from the lowest bit. */
const flagNames = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg'];

/** What a TCP packet's flags must be: those in `mask` are looked at, and must be as in `value`. */
export interface Flags {
  readonly mask: number;
  readonly value: number;
}

/** `syn` and `!ack` → which flags must be set, and which must not; undefined where a name is none, or comes twice. */
export function parseFlags(names: readonly string[]): Flags | undefined {
  let mask = 0;
  let value = 0;
  for (const name of names) {
    const isClear = name.startsWith('!');
    const place = flagNames.indexOf(name.slice(isClear ? 1 : 0));
    const bit = 1 << place;
    if (place < 0 || (mask & bit) !== 0) return undefined;
    mask |= bit;
    if (!isClear) value |= bit;
  }
  return { mask, value };
}
