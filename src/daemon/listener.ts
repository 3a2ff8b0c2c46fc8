/**
 * The listener: reads what the firewall dropped, decides, keeps the ledger, asks the monitor to open.
 *
 * It runs as its own user without capabilities, opens no file and no socket: what it reads and writes are descriptors
 * that the monitor opened. Its one way out is frames of fixed length (daemon/frames.ts).
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { type Knock, type Refusal, reasons, type Verdict } from '../methods/knock.js';
import { PortSequence, type Site } from '../methods/port-sequence/recognise.js';
import type { Fate, SequenceNumber } from '../methods/sequence-number/recognise.js';
import { readNflog } from '../net/nflog.js';
import { decodePacket, fillFromHit, newPacket, type Packet } from '../net/packet.js';
import type { PacketEvents } from '../net/packetevents.js';
import { readPackets } from '../net/packetsocket.js';
import type { ReplySockets } from '../net/replysocket.js';
import { errorCode } from '../system/error.js';
import { admit } from './admission.js';
import { challengePrefix } from './challengesite.js';
import { ChallengeWatch, challengeMemoryMs } from './challengewatch.js';
import { counterNames, newCounters } from './counters.js';
import { datagramPrefix } from './datagramsite.js';
import { DatagramWatch } from './datagramwatch.js';
import { Floor, readBoot } from './floor.js';
import { encodeFrame, frameLength, troubles } from './frames.js';
import { readHits } from './hits.js';
import { type Instruction, InstructionReader, type Settings } from './instructions.js';
import { describePacket } from './knockd/packetline.js';
import { Ledger } from './ledger.js';
import { Load } from './load.js';
import { Memory } from './memory.js';
import { adoptNumbers, fateOf } from './numbersite.js';
import { Quota } from './quota.js';
import { rehearse } from './rehearsal.js';
import { SequenceWatch } from './sequences.js';
import { buildSite } from './site.js';

/** Descriptors, in the order in which the monitor hands them over after standard error. */
export const monitorDescriptor = 3;
export const ledgerDescriptor = 4;
export const captureDescriptor = 5;
export const floorDescriptor = 6;
export const heardDescriptor = 7;
/** Sockets of IPv4 and of IPv6, or nothing of use. */
export const replyDescriptors: ReplySockets = { ipv4: 8, ipv6: 9 };

/** Sources remembered at once: DESIGN.md section 5. */
const sourceCapacity = 131072;
/** The process that started us. */
const monitor = process.ppid;
/** Refusals told to the monitor in ten seconds; the rest are only counted. */
const refusalQuota = 20;
/** Stages of plain sequences told in ten seconds. */
const stageQuota = 1000;
const summaryMs = 10_000;

class Listener {
  readonly #monitor = new Socket({ fd: monitorDescriptor, readable: true, writable: true });
  readonly #counters = newCounters();
  readonly #packet: Packet = newPacket();
  readonly #frame = Buffer.alloc(frameLength);
  readonly #floor = new Floor(floorDescriptor, readBoot(), Date.now());
  readonly #ledger = new Ledger(ledgerDescriptor, this.#floor);
  readonly #memory = new Memory(this.#ledger, this.#floor);
  /** Knocks that wait for the floor. */
  #waiting: Knock[] = [];
  readonly #quota = new Quota(refusalQuota, summaryMs);
  readonly #load = new Load(value => this.#gather(value));
  readonly #stageQuota = new Quota(stageQuota, summaryMs);
  readonly #sequences = new SequenceWatch({
    stage: (door, stage, source, value) => {
      if (!this.#tellsStages || !this.#stageQuota.take(value)) return;
      this.#tell(encodeFrame('stage', { code: stage, source, value, door }));
    },
    knock: knock => this.#decide(knock),
    refused: refusal => this.#refuseSequence(refusal),
  });
  readonly #surroundings = {
    memory: this.#memory,
    counters: this.#counters,
    quota: this.#quota,
    decide: (verdict: NonNullable<Verdict>) => this.#decide(verdict),
    tell: (frame: Buffer) => this.#tell(frame),
    summarise: () => this.#summarise(),
  };
  readonly #datagrams = new DatagramWatch(this.#surroundings);
  readonly #challenges = new ChallengeWatch({ ...this.#surroundings, sockets: replyDescriptors });
  #tellsStages = false;
  #tellsPackets = false;
  #numbers: SequenceNumber | undefined;
  #method: PortSequence | undefined;
  /** Whether the configuration has a method now. */
  #recognises = false;
  #started = false;
  #hasEnded = false;
  #isFlooded = false;
  #summary: NodeJS.Timeout | undefined;

  run(): void {
    const reader = new InstructionReader();
    const obey = (instruction: Instruction) => this.#obey(instruction);
    this.#monitor.setEncoding('utf8').on('data', (chunk: string) => reader.push(chunk, obey));
    this.#monitor.on('error', monitorEnded);
    this.#monitor.on('close', monitorEnded);
    // Sent by the kernel when our parent has ended, as setpriv asked it to; from anybody else it is for the monitor.
    process.on('SIGTERM', () => process.ppid !== monitor && monitorEnded());
    // To a terminal's whole group, or all of a unit: what it means is the monitor's business.
    for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
    process.stdout.on('error', () => {});
  }

  #obey(instruction: Instruction): void {
    if (instruction.say === 'alive') this.#tell(encodeFrame('alive'));
    else if (instruction.say === 'counters') this.#tellCounters();
    else if (instruction.say === 'lists') this.#datagrams.setLists(instruction);
    else this.#configure(instruction);
  }

  #configure(settings: Settings): void {
    const { capture, site, sequences, numbers, tellsStages, tellsPackets } = settings;
    this.#recognises = site !== undefined;
    if (site !== undefined) this.#adopt(buildSite(site));
    this.#sequences.configure(sequences);
    this.#numbers = adoptNumbers(this.#numbers, numbers);
    this.#configureSingle(settings);
    this.#tellsStages = tellsStages;
    this.#tellsPackets = tellsPackets;
    if (this.#started) return;
    this.#started = true;
    if (capture === 'lines') this.#readLines();
    else this.#readPackets(capture);
    this.#raiseFloor(Date.now());
    const detail = this.#floor.inherited - Date.now();
    this.#tell(encodeFrame('ready', { value: this.#ledger.damaged.length, detail }));
  }

  /** Those methods of which every datagram is remembered. Their memory goes first: they may ask for it at once. */
  #configureSingle({ datagrams, challenges, answersIPv6 }: Settings): void {
    const skewMs = Math.max(datagrams?.skewMs ?? 0, challenges === undefined ? 0 : challengeMemoryMs);
    const damaged = skewMs === 0 ? 0 : this.#memory.remember(heardDescriptor, skewMs);
    const code = troubles.indexOf('damaged-datagrams');
    if (damaged > 0) this.#tell(encodeFrame('trouble', { code, value: damaged }));
    this.#datagrams.configure(datagrams);
    this.#challenges.configure(challenges, answersIPv6);
  }

  /** What has been counted and half heard stays. */
  #adopt(site: Site): void {
    if (site.cipher !== undefined) rehearse(site, site.cipher);
    if (this.#method !== undefined) {
      this.#method.site = site;
      return;
    }
    const lastAccepted = (clientId: number) => this.#ledger.lastAccepted(clientId);
    this.#method = new PortSequence(site, lastAccepted, sourceCapacity, randomBytes(36));
  }

  #readPackets(capture: 'nflog' | 'interface'): void {
    const events: PacketEvents = {
      begin: () => {
        const now = Date.now();
        this.#packet.at = now;
        this.#raiseFloor(now);
      },
      packet: (datagram, start, end, prefix, device) => {
        if (!decodePacket(datagram, this.#packet, start, end)) return;
        if (this.#tellsPackets) process.stdout.write(describePacket(this.#packet, end - start));
        if (prefix === datagramPrefix || prefix === challengePrefix) this.#takeSingle(prefix, device);
        else this.#take(fateOf(prefix));
      },
      lost: count => {
        this.#counters.lost += count;
        this.#summarise();
      },
      batch: count => this.#load.add(count),
    };
    if (capture === 'interface') readPackets(captureDescriptor, events);
    else readNflog(captureDescriptor, events).on('close', () => this.#end());
  }

  #readLines(): void {
    readHits({
      begin: () => this.#raiseFloor(Date.now()),
      hit: (port, source) => {
        fillFromHit(this.#packet, source, port, Date.now());
        this.#take();
      },
      malformed: count => {
        this.#counters.malformed = count;
      },
      ended: () => this.#end(),
    });
  }

  /** Nothing more will come; what waits for the floor has still to be told. */
  #end(): void {
    this.#hasEnded = true;
    if (this.#waiting.length === 0) this.#tell(encodeFrame('ended'));
  }

  /** @param fate of a connection's first packet to a port that is guarded by numbers: the other methods have their own */
  #take(fate?: Fate): void {
    this.#counters.seen++;
    if (fate !== undefined) {
      this.#hearNumber(fate);
      return;
    }
    this.#sequences.hear(this.#packet);
    if (this.#method === undefined || !this.#recognises) return;
    const verdict = this.#method.recognise(this.#packet);
    if (verdict !== undefined) this.#decide(verdict);
    else if (this.#method.noise !== this.#counters.noise) {
      this.#counters.noise = this.#method.noise;
      this.#summarise();
    }
  }

  /** Of those that the table has picked out, no other method hears. */
  #takeSingle(prefix: string, device: number): void {
    this.#counters.seen++;
    if (prefix === challengePrefix && this.#challenges.isOn) this.#challenges.hear(this.#packet, device);
    else if (prefix === datagramPrefix && this.#datagrams.isOn) this.#datagrams.hear(this.#packet);
  }

  #decide(verdict: NonNullable<Verdict>): void {
    if (verdict.outcome === 'refused') {
      this.#conclude(verdict);
      return;
    }
    const delay = verdict.once && this.#memory.delayOf(verdict.once.time);
    // The monitor wakes up while the disk is being written.
    if (delay !== undefined) this.#tell(encodeFrame('prepare'));
    if (delay === 'floor') this.#waiting.push(verdict);
    else this.#conclude(admit(verdict, this.#memory));
  }

  /** Who came in the kernel has decided: nothing is to be opened, nor to be remembered. */
  #hearNumber(fate: Fate): void {
    const verdict = this.#numbers?.recognise(this.#packet, fate);
    if (verdict?.outcome === 'refused') this.#conclude(verdict);
    if (fate !== 'admitted') return;
    this.#counters.knocks++;
    const { at: value, sequence: detail, source } = this.#packet;
    const { door, client } = verdict?.outcome === 'knock' ? verdict : { door: '', client: '' };
    this.#tell(encodeFrame('admitted', { detail, value, source, door, client }));
  }

  /** Whoever has hit one port of a sequence has not knocked; only knockd tells of him. */
  #refuseSequence(refusal: Refusal): void {
    if (this.#tellsStages) this.#conclude(refusal, this.#stageQuota);
    else if ((refusal.detail ?? 0) > 1) this.#conclude(refusal);
  }

  /** Every packet is a reason to: it may be the first of a knock that the ledger must remember. */
  #raiseFloor(now: number): void {
    if (!this.#recognises && !this.#datagrams.isOn && !this.#challenges.isOn) return;
    this.#memory.raise(now, () => {
      if (this.#waiting.length === 0) return;
      for (const knock of this.#waiting.splice(0)) this.#conclude(admit(knock, this.#memory));
      if (this.#hasEnded) this.#tell(encodeFrame('ended'));
    });
  }

  #conclude(decision: NonNullable<Verdict>, quota = this.#quota): void {
    if (decision.method === 'datagram') this.#datagrams.conclude(decision);
    else if (decision.method === 'challenge') this.#challenges.conclude(decision);
    else this.#tellOf(decision, quota);
  }

  #tellOf(decision: NonNullable<Verdict>, quota: Quota): void {
    const { source, at: value, door = '', client = '' } = decision;
    if (decision.outcome === 'knock') {
      this.#counters.knocks++;
      this.#tell(encodeFrame('open', { value, source, door, client }, this.#frame));
      return;
    }
    this.#counters[`refused ${decision.reason}`]++;
    if (!quota.take(value)) return;
    const code = reasons.indexOf(decision.reason);
    this.#tell(encodeFrame('refused', { code, detail: decision.detail ?? 0, value, source, door, client }));
  }

  /** Kept up, it is a flood, which only the counters tell of. */
  #gather(packets: number): void {
    this.#tell(encodeFrame('gather', { value: packets }));
    this.#isFlooded = packets > 1;
    if (this.#isFlooded) this.#summarise();
  }

  /** One line in ten seconds at most, however much there is to say, and no timer while there is nothing. */
  #summarise(): void {
    this.#summary ??= setTimeout(() => {
      this.#summary = undefined;
      this.#tell(encodeFrame('summary', { source: this.#packet.source }));
      if (this.#isFlooded) this.#summarise();
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
    this.#counters.sources = (this.#method?.sources ?? 0) + this.#sequences.sources;
    const frames = counterNames.map((name, code) =>
      encodeFrame('counter', { code, value: this.#counters[name] }),
    );
    this.#tell(Buffer.concat([...frames, encodeFrame('counted')]));
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
