#!/usr/bin/env node
/**
 * ulogport: reads an NFLOG group and writes a line of firewall hit for each packet (PROTOCOL.md section 2).
 *
 * The tap of Kroon's portknock, for whoever reads such lines: `ulogport --group 5 | portknockd run --capture stdin`.
 * It decides nothing: every TCP packet of the group is a line.
 */
import { fstatSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { libc, SystemError } from './net/libc.js';
import { formatHit } from './net/lines.js';
import { nflogHint, openNflog, readNflog } from './net/nflog.js';
import { decodePacket, newPacket, tcp } from './net/packet.js';
import { readDescriptor } from './net/readable.js';
import { integerArgument, readCommandLine } from './system/command-line.js';
import { errorCode, OperatorError, report } from './system/error.js';

/** fcntl(2): F_DUPFD_CLOEXEC. */
const duplicateDescriptor = 1030;
/** The user and the group that own nothing, by number: their names differ. */
const nobody = 65_534;
const pause = new Int32Array(new SharedArrayBuffer(4));

const help = `usage: ulogport [--group N]

Reads an NFLOG group and writes "destination_port source_address" for each TCP
packet of it, until its reader goes away. Needs CAP_NET_ADMIN.

  -g, --group N    the group that the firewall logs to, 0 to 65535 (5)
  -h, --help    -V, --version

portknockd reads these lines: ulogport --group 5 | portknockd run --capture stdin
`;

const optionTable = {
  group: { kind: 'text', short: 'g' },
  help: { kind: 'flag', short: 'h' },
  version: { kind: 'flag', short: 'V' },
} as const;

function main(argv: readonly string[]): void {
  const { input, options } = readCommandLine(argv, optionTable, 'ulogport');
  if (options.help) write(help);
  else if (options.version) write(`ulogport ${version()}\n`);
  else if (input.length > 0)
    throw new OperatorError('usage', `expected no arguments, got "${input.join(' ')}"`);
  else copyHits(integerArgument('--group', options.group ?? '5', 0, 65535));
}

function version(): string {
  return (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
}

function copyHits(group: number): void {
  const packet = newPacket();
  endWithReader();
  let lines = '';
  const opened = openGroup(group);
  giveUpRoot();
  readNflog(opened, {
    begin: () => {},
    packet: (datagram, start, end) => {
      if (decodePacket(datagram, packet, start, end) && packet.protocol === tcp)
        lines += formatHit(packet.port, packet.source);
    },
    lost: count => process.stderr.write(`ulogport: warning: ${count} packets were lost\n`),
    batch: () => {
      if (lines !== '') write(lines);
      lines = '';
    },
  });
}

function openGroup(group: number): number {
  try {
    return openNflog(group);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new OperatorError('no-nflog', `cannot read NFLOG group ${group}: ${error.code}`, {
      hint: nflogHint(error),
    });
  }
}

/** What it reads from now on is strangers'; the open group needs no privilege. */
function giveUpRoot(): void {
  if (process.getuid?.() !== 0) return;
  try {
    process.setgroups?.([]);
    process.setgid?.(nobody);
    process.setuid?.(nobody);
  } catch (error) {
    // In a user namespace there may be root and nobody else.
    process.stderr.write(`ulogport: warning: cannot become nobody, goes on as root (${errorCode(error)})\n`);
  }
}

/** A pipe tells its writer that nobody reads only when it writes; a group may be silent for days. */
function endWithReader(): void {
  const kind = fstatSync(1);
  if (!kind.isFIFO() && !kind.isSocket()) return;
  const copy = libc().fcntl(1, duplicateDescriptor, 3);
  const watched = readDescriptor(copy, Buffer.alloc(64), () => {});
  watched.on('error', () => process.exit(0));
  watched.on('close', () => process.exit(0));
}

/** At once and in order, also when the reader is slow: what it does not take in time the kernel drops, and counts. */
function write(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (errorCode(error) === 'EPIPE') process.exit(0);
      if (errorCode(error) !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.exit(report('ulogport', error));
}
