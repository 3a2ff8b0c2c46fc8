/**
 * Debian's knockd and knock as contenders: one door of 16 ports, which adds the source to an nftables set for as long as
 * portknockd would. The rest of the firewall is as ours: its ports and the service answer nobody.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../test/e2e/harness/eventually.js';
import { temporaryFolder } from '../test/e2e/harness/folder.js';
import type { Program, Scope } from '../test/e2e/harness/program.js';
import type { DaemonContender, KnockPacket } from './contender.js';
import { guardChain, makePlace, openForMs, type Place } from './namespaces.js';
import type { Command } from './stopwatch.js';

/** Sixteen ports that are all different: knockd takes a repeated one for a mistake. */
export const sequence: readonly number[] = Array.from({ length: 16 }, (_, i) => 40_000 + ((i * 97) % 256));

export class Knockd implements DaemonContender {
  readonly name = 'knockd';
  readonly place: Place;
  readonly readyPattern = 'starting up, listening';
  readonly garbage = { ports: sequence };
  readonly daemonCommand: Command;
  readonly clientCommand: Command;
  readonly #command: readonly string[];
  readonly #logFile: string;
  #program: Program | undefined;

  static async create(scope: Scope): Promise<Knockd> {
    const place = await makePlace(scope);
    await place.server.namespace.nft(firewall);
    const folder = temporaryFolder(scope, 'knockd');
    writeFileSync(join(folder, 'knockd.conf'), configuration(place));
    return new Knockd(place, folder);
  }

  private constructor(place: Place, folder: string) {
    this.place = place;
    this.#command = ['knockd', '-4', '-c', join(folder, 'knockd.conf'), '-g'];
    this.#logFile = join(folder, 'log');
    this.daemonCommand = { argv: [...this.#command, '/dev/stderr'] };
    this.clientCommand = { argv: ['knock', place.server.ipv4, ...sequence.map(String)] };
  }

  async start(): Promise<void> {
    const [command = '', ...args] = this.#command;
    rmSync(this.#logFile, { force: true });
    this.#program = this.place.server.namespace.start(command, [...args, this.#logFile]);
    // Its log alone is flushed line by line, and it can open no standard error that is a socket, as this one's is.
    await eventually('knockd listens', () =>
      readFileSync(this.#logFile, 'latin1').includes(this.readyPattern),
    );
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
  }

  async processes(): Promise<number[]> {
    return this.#program === undefined ? [] : [this.#program.pid];
  }

  async lost(): Promise<undefined> {
    return undefined;
  }

  composeKnocks(sources: readonly string[]): readonly (readonly KnockPacket[])[] {
    return sources.map(() => sequence.map(port => ({ port })));
  }
}

const firewall = `table inet bench {
  set open { type ipv4_addr; flags timeout; }
  chain window {
    type filter hook prerouting priority raw; policy accept
    tcp dport { ${sequence.join(', ')} } drop
  }
  ${guardChain()}
}`;

function configuration({ server, link }: Place): string {
  return `[options]
  Interface = ${link}

[ssh]
  Sequence = ${sequence.join(',')}
  Seq_Timeout = 5
  TCPFlags = syn
  Target = ${server.ipv4}
  Start_Command = nft add element inet bench open { %IP% timeout ${openForMs}ms }
`;
}
