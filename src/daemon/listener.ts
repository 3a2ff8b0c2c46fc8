/**
 * The listener: reads what the firewall dropped, decides, keeps the ledger, asks the monitor to open.
 *
 * It runs as its own user without capabilities, opens no file and no socket: what it reads and writes are descriptors
 * that the monitor opened. Its one way out is frames of fixed length (daemon/frames.ts).
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { reasons, type Verdict } from '../methods/knock.js';
import { PortSequence, type Site } from '../methods/port-sequence/recognise.js';
import { seal } from '../methods/port-sequence/sealed.js';
import { spell } from '../methods/port-sequence/spelling.js';
import { HitLines } from '../net/lines.js';
import { readNflog } from '../net/nflog.js';
import { decodePacket, fillFromHit, newPacket, type Packet } from '../net/packet.js';
import { errorCode } from '../system/error.js';
import { admit, TransientMemory } from './admission.js';
import { counterNames, newCounters } from './counters.js';
import { encodeFrame, frameLength } from './frames.js';
import { Ledger } from './ledger.js';
import { Load } from './load.js';
import { Quota } from './quota.js';
import { buildSite, type SiteSettings } from './site.js';

/** Descriptors, in the order in which the monitor hands them over after standard error. */
export const monitorDescriptor = 3;
export const ledgerDescriptor = 4;
export const nflogDescriptor = 5;

/** What the monitor says, a line of JSON each. */
export type Instruction =
  | { readonly say: 'settings'; readonly capture: 'nflog' | 'lines'; readonly site: SiteSettings | undefined }
  | { readonly say: 'counters' }
  | { readonly say: 'alive' };

/** Sources remembered at once: DESIGN.md section 5. */
const sourceCapacity = 131072;
/** The process that started us. */
const monitor = process.ppid;
/** Refusals told to the monitor in ten seconds; the rest are only counted. */
const refusalQuota = 20;
const summaryMs = 10_000;
const rehearsals = 10;

class Listener {
  readonly #monitor = new Socket({ fd: monitorDescriptor, readable: true, writable: true });
  readonly #counters = newCounters();
  readonly #packet: Packet = newPacket();
  readonly #frame = Buffer.alloc(frameLength);
  readonly #ledger = new Ledger(ledgerDescriptor);
  readonly #quota = new Quota(refusalQuota, summaryMs);
  readonly #load = new Load(value => this.#tell(encodeFrame('gather', { value })));
  #method: PortSequence | undefined;
  /** Whether the configuration has a method now. */
  #recognises = false;
  #started = false;
  #noiseTold = 0;
  #summary: NodeJS.Timeout | undefined;

  run(): void {
    let rest = '';
    this.#monitor.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#obey(JSON.parse(line) as Instruction);
    });
    this.#monitor.on('error', monitorEnded);
    this.#monitor.on('close', monitorEnded);
    // Sent by the kernel when our parent has ended, as setpriv asked it to; from anybody else it is for the monitor.
    process.on('SIGTERM', () => process.ppid !== monitor && monitorEnded());
    process.on('SIGINT', () => {});
  }

  #obey(instruction: Instruction): void {
    if (instruction.say === 'alive') this.#tell(encodeFrame('alive'));
    else if (instruction.say === 'counters') this.#tellCounters();
    else this.#configure(instruction.site, instruction.capture);
  }

  #configure(settings: SiteSettings | undefined, capture: 'nflog' | 'lines'): void {
    this.#recognises = settings !== undefined;
    if (settings !== undefined) this.#adopt(buildSite(settings));
    if (this.#started) return;
    this.#started = true;
    if (capture === 'nflog') this.#readNflog();
    else this.#readLines();
    this.#tell(encodeFrame('ready', { value: this.#ledger.damaged.length }));
  }

  /** What has been counted and half heard stays. */
  #adopt(site: Site): void {
    if (this.#method !== undefined) {
      this.#method.site = site;
      return;
    }
    rehearse(site);
    const lastAccepted = (clientId: number) => this.#ledger.lastAccepted(clientId);
    this.#method = new PortSequence(site, lastAccepted, sourceCapacity, randomBytes(36));
  }

  #readNflog(): void {
    readNflog(nflogDescriptor, {
      begin: () => {
        this.#packet.at = Date.now();
      },
      packet: (datagram, start, end) => {
        if (decodePacket(datagram, this.#packet, start, end)) this.#take();
      },
      lost: count => {
        this.#counters.lost += count;
      },
      batch: count => this.#load.add(count),
    }).on('close', () => this.#end());
  }

  #readLines(): void {
    const lines = new HitLines();
    const hit = (port: number, source: Uint8Array) => {
      fillFromHit(this.#packet, source, port, Date.now());
      this.#take();
    };
    process.stdin.setEncoding('latin1').on('data', (chunk: string) => {
      lines.push(chunk, hit);
      this.#counters.malformed = lines.malformed;
    });
    process.stdin.on('end', () => {
      lines.end(hit);
      this.#counters.malformed = lines.malformed;
      this.#end();
    });
    process.stdin.on('error', () => this.#end());
  }

  #end(): void {
    this.#tell(encodeFrame('ended'));
  }

  #take(): void {
    this.#counters.seen++;
    if (this.#method === undefined || !this.#recognises) return;
    const verdict = this.#method.recognise(this.#packet);
    if (verdict !== undefined) this.#decide(verdict);
    else if (this.#method.noise !== this.#counters.noise) this.#noteNoise();
  }

  #decide(verdict: NonNullable<Verdict>): void {
    const decision = verdict.outcome === 'knock' ? admit(verdict, this.#ledger) : verdict;
    const { source, at: value, door = '', client = '' } = decision;
    if (decision.outcome === 'knock') {
      this.#counters.knocks++;
      this.#tell(encodeFrame('open', { value, source, door, client }, this.#frame));
      return;
    }
    this.#counters[`refused ${decision.reason}`]++;
    if (!this.#quota.take(value)) return;
    const code = reasons.indexOf(decision.reason);
    this.#tell(encodeFrame('refused', { code, detail: decision.behindMs ?? 0, value, source, door, client }));
  }

  /** One line in ten seconds at most, however much noise there is, and no timer while there is none. */
  #noteNoise(): void {
    this.#counters.noise = this.#method?.noise ?? 0;
    this.#summary ??= setTimeout(() => {
      this.#summary = undefined;
      const value = this.#counters.noise - this.#noiseTold;
      this.#noiseTold = this.#counters.noise;
      this.#tell(encodeFrame('noise', { value, source: this.#packet.source }));
    }, summaryMs);
  }

  /** At once, where nothing waits to be written before it: Node's own way takes twice as long. */
  #tell(frame: Buffer): void {
    let written = 0;
    try {
      if (this.#monitor.writableLength === 0) written = writeSync(monitorDescriptor, frame);
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') monitorEnded();
    }
    if (written < frame.length) this.#monitor.write(Buffer.from(frame.subarray(written)));
  }

  #tellCounters(): void {
    this.#counters.sources = this.#method?.sources ?? 0;
    const frames = counterNames.map((name, code) =>
      encodeFrame('counter', { code, value: this.#counters[name] }),
    );
    this.#tell(Buffer.concat([...frames, encodeFrame('counted')]));
  }
}

/** Makes a knock that nobody hears, so that the first one that counts is no slower than those after it. */
function rehearse(site: Site): void {
  if (site.cipher === undefined) return;
  const ledger = new TransientMemory();
  const doors = new Map([[0, '-']]);
  const key = randomBytes(32);
  const client = {
    name: '-',
    id: 0,
    tagKey: key,
    doors: new Set(['-']),
    addressRequired: true,
    revoked: false,
  };
  const clients = new Map([[0, client]]);
  const { cipher, spelling } = site;
  const rehearsed = { ...site, basePort: 1, doors, clients };
  const method = new PortSequence(rehearsed, id => ledger.lastAccepted(id), 8, randomBytes(36));
  const packet = newPacket();
  const source = new Uint8Array(16).fill(1);
  const now = Date.now();
  for (let time = now; time < now + rehearsals; time++) {
    const block = seal(cipher, key, { clientId: 0, commandId: 0, time, basePort: 1, address: source });
    for (const port of spell(spelling, block, 1)) {
      fillFromHit(packet, source, port, time);
      const verdict = method.recognise(packet);
      if (verdict?.outcome === 'knock') admit(verdict, ledger);
    }
  }
}

/** Without a monitor nothing can open: there is nothing left to do. */
function monitorEnded(): never {
  process.stderr.write(
    'portknockd: error: the monitor has ended; the listener ends too, what is guarded stays shut\n',
  );
  process.exit(1);
}

/** The claim of DESIGN.md section 4, checked by the process that it is about. */
function requireNoPrivileges(): void {
  const status = readFileSync('/proc/self/status', 'latin1');
  const capable = /^Cap(Prm|Eff|Amb):\s*0*[1-9a-f]/im.test(status);
  if (!capable && /^NoNewPrivs:\s*1/m.test(status)) return;
  process.stderr.write('portknockd: error: the listener was started with privileges, and ends\n');
  process.exit(1);
}

requireNoPrivileges();
new Listener().run();
