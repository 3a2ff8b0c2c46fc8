/**
 * Debian's fwknopd and fwknop as contenders, in fwknopd's default mode (libpcap) and in its UDP server mode: one door,
 * which it opens with iptables, in the filter's INPUT chain as it always does. The service is shut there, too.
 *
 * In fwknopd's favour: its log goes nowhere, its datagrams are not tracked, in its default mode nothing answers them,
 * and its memory of knocks is a file that is not on a disk.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../test/e2e/harness/eventually.js';
import { temporaryFolder, writeSecret } from '../test/e2e/harness/folder.js';
import type { Program, Scope } from '../test/e2e/harness/program.js';
import type { DaemonContender, KnockPacket } from './contender.js';
import { datagramsLost, isSniffed, isUdpPortBound } from './loss.js';
import { doorPort, makePlace, type Place } from './namespaces.js';
import type { Command } from './stopwatch.js';

const spaPort = 62201;
/** Of the base64 that fwknop sends for a request such as ours. */
const spaLength = 204;
/** Whole seconds, and the one that has begun counts: it is open for one to two. */
const timeoutSeconds = 2;
/** Nothing says from outside when libpcap has set its filter, and what came before is thrown away then. */
const settleMs = 300;
const iptables = '/usr/sbin/iptables-nft';

export type FwknopMode = 'pcap' | 'udp';

interface Keys {
  readonly rijndael: string;
  readonly hmac: string;
}

export class Fwknop implements DaemonContender {
  readonly name: 'fwknop' | 'fwknopUdp';
  readonly place: Place;
  readonly garbage = { ports: [spaPort], payloadLength: spaLength };
  readonly daemonCommand: Command;
  readonly readyPattern: string;
  readonly #mode: FwknopMode;
  readonly #folder: string;
  readonly #keys: Keys;
  #program: Program | undefined;

  /** @param stanzas how many clients are configured; the one that knocks is the last */
  static async create(scope: Scope, mode: FwknopMode, stanzas = 1): Promise<Fwknop> {
    const place = await makePlace(scope);
    const { namespace } = place.server;
    await namespace.nft(windowRule(mode));
    const door = ['-p', 'tcp', '--dport', String(doorPort), '-j', 'DROP'];
    const tracked = ['-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'ACCEPT'];
    await namespace.exec(iptables, ['-A', 'INPUT', ...tracked]);
    await namespace.exec(iptables, ['-A', 'INPUT', ...door]);
    return new Fwknop(place, mode, temporaryFolder(scope, 'fwknop'), stanzas);
  }

  private constructor(place: Place, mode: FwknopMode, folder: string, stanzas: number) {
    this.name = mode === 'udp' ? 'fwknopUdp' : 'fwknop';
    this.place = place;
    this.#mode = mode;
    this.#folder = folder;
    const keys = Array.from({ length: stanzas }, randomKeys);
    this.#keys = keys.at(-1)!;
    mkdirSync(join(folder, 'run'), { mode: 0o700 });
    const settings = `PCAP_INTF ${place.link};\nFIREWALL_EXE ${iptables};\nFWKNOP_RUN_DIR ${join(folder, 'run')};\n`;
    const configFile = writeSecret(folder, 'fwknopd.conf', settings);
    const accessFile = writeSecret(folder, 'access.conf', keys.map(stanza).join('\n'));
    const udp = mode === 'udp' ? ['-U'] : [];
    this.daemonCommand = { argv: ['fwknopd', '-f', '-c', configFile, '-a', accessFile, ...udp] };
    this.readyPattern = mode === 'udp' ? 'Kicking off UDP server' : 'main event loop';
  }

  async start(): Promise<void> {
    // Otherwise a flood would fill the memory of whoever keeps what it says.
    const silent = ['-c', 'exec "$@" 2>/dev/null', 'sh', ...this.daemonCommand.argv];
    const program = this.place.server.namespace.start('sh', silent);
    this.#program = program;
    const listens = () =>
      this.#mode === 'udp' ? isUdpPortBound(program.pid, spaPort) : isSniffed(program.pid);
    await eventually('fwknopd listens', listens);
    await sleep(settleMs);
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
  }

  async processes(): Promise<number[]> {
    return this.#program === undefined ? [] : [this.#program.pid];
  }

  async lost(): Promise<number | undefined> {
    return this.#mode === 'udp' ? datagramsLost(this.#program!.pid, spaPort) : undefined;
  }

  composeKnocks(sources: readonly string[]): readonly (readonly KnockPacket[])[] {
    return sources.map(source => [{ port: spaPort, payload: this.#composePayload(source) }]);
  }

  get clientCommand(): Command {
    return { argv: this.#client(this.place.client.ipv4) };
  }

  /** The real client's, which writes it into a file instead of sending it. */
  #composePayload(source: string): string {
    const file = join(this.#folder, 'packet');
    rmSync(file, { force: true });
    const [command = '', ...args] = [...this.#client(source), '-T', '-B', file];
    const { status, error } = spawnSync(command, args, { stdio: 'ignore' });
    if (status !== 0) throw error ?? new Error(`${command} ended with ${status}`);
    return readFileSync(file, 'latin1').trim();
  }

  #client(source: string): string[] {
    return [
      ...['fwknop', '-A', `tcp/${doorPort}`, '-a', source, '-D', this.place.server.ipv4],
      ...['--key-base64-rijndael', this.#keys.rijndael],
      ...['--use-hmac', '--key-base64-hmac', this.#keys.hmac],
      ...['--no-rc-file', '--no-home-dir', '-E', '/dev/null'],
    ];
  }
}

function randomKeys(): Keys {
  return { rijndael: randomBytes(32).toString('base64'), hmac: randomBytes(64).toString('base64') };
}

function stanza({ rijndael, hmac }: Keys): string {
  return `SOURCE ANY
KEY_BASE64 ${rijndael}
HMAC_KEY_BASE64 ${hmac}
OPEN_PORTS tcp/${doorPort}
REQUIRE_SOURCE_ADDRESS Y
FW_ACCESS_TIMEOUT ${timeoutSeconds}
`;
}

function windowRule(mode: FwknopMode): string {
  return `table inet bench {
  chain window {
    type filter hook prerouting priority raw; policy accept
    udp dport ${spaPort} ${mode === 'udp' ? 'notrack' : 'drop'}
  }
}`;
}
