/**
 * `portknockd explain`: what the daemon would have made of a capture (PROTOCOL.md section 5). No privilege, no state.
 *
 * It runs the recogniser that the daemon runs, with a ledger that begins empty and lasts as long as the command.
 */
import { readFileSync } from 'node:fs';
import { type Flaw as ChallengeFlaw, flawOf as challengeFlawOf } from '../methods/challenge/flaws.js';
import { type Flaw as DatagramFlaw, flawOf as datagramFlawOf } from '../methods/datagram/flaws.js';
import type { Knock, Refusal } from '../methods/knock.js';
import { PlainSequence } from '../methods/plain-sequence/recognise.js';
import { PortSequence } from '../methods/port-sequence/recognise.js';
import { SequenceNumber } from '../methods/sequence-number/recognise.js';
import { formatAddress } from '../net/address.js';
import { isCaptureFile, readCaptureFile } from '../net/capturefile.js';
import { HitLines } from '../net/lines.js';
import { decodePacket, fillFromHit, newPacket, type Packet } from '../net/packet.js';
import { errorCode, OperatorError } from '../system/error.js';
import { admit, TransientMemory } from './admission.js';
import { certificateHolder } from './asked.js';
import { type Answered, challengesOf } from './challengecapture.js';
import type { Config, Door } from './config.js';
import { datagramsOf } from './datagramcapture.js';
import { buildNumbers, type NumberSiteSettings, numberSettings } from './numbersite.js';
import { formatService } from './schema.js';
import { buildSequences, type SequenceSiteSettings, sequenceSettings } from './sequences.js';
import { buildSite, type SiteSettings, siteSettings } from './site.js';

/** Fixed: the same capture is explained alike every time. Nobody attacks it here. */
const seed = Buffer.alloc(36, 1);
const sourceCapacity = 65536;

/** What came of one knock, as it is printed. */
export interface Explanation {
  readonly at: string;
  readonly source: string;
  readonly method: string;
  readonly outcome: 'opened' | 'ran' | 'refused' | 'answered';
  readonly door?: string;
  /** Of a datagram: the one service that it asks for. */
  readonly service?: string;
  readonly client?: string;
  /** Of a certificate, or the fingerprint of the key that signed a response; in hexadecimal. */
  readonly serial?: string;
  readonly reason?: string;
  /** What is wrong with a datagram or its certificate, with a hello, or with a response or its signature, beyond the reason. */
  readonly flaw?: DatagramFlaw | ChallengeFlaw;
}

/** What is told of a packet. */
type Decision = Knock | Refusal | Answered;

/** How a capture was read, for standard error. */
export type Remark = string;

/** The bytes of a capture: a file's, or standard input's for "-". @throws OperatorError */
export function readCapture(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    throw new OperatorError('no-capture', `${path}: cannot be read (${errorCode(error)})`);
  }
}

/**
 * Explains a whole capture.
 * @param atMs when its first packet came, in milliseconds since 1970; undefined: as the capture says, or now
 * @param explained called for each knock, in order
 */
export async function explainCapture(
  config: Config,
  bytes: Buffer,
  atMs: number | undefined,
  explained: (explanation: Explanation) => void,
): Promise<Remark[]> {
  const line = new Line(decision => explained(explain(config, decision)));
  const recognisers = recognisersOf(config, line);
  const later = [await datagramsOf(config), await challengesOf(config)].filter(each => each !== undefined);
  for (const each of later) recognisers.push(packet => each.take(packet, line));
  if (recognisers.length === 0) return [nothingToRecognise];
  const packet = newPacket();
  const take = () => {
    for (const recognise of recognisers) recognise(packet);
  };
  const found = readAll(bytes, atMs, take, packet);
  await line.empty();
  return [...found, ...later.flatMap(({ remarks }) => remarks)];
}

const nothingToRecognise =
  'the configuration has neither [port_sequence] nor [datagram] nor [challenge] nor a sequence nor sequence numbers: there is nothing to recognise';

function readAll(bytes: Buffer, atMs: number | undefined, take: () => void, packet: Packet): Remark[] {
  if (!isCaptureFile(bytes)) return explainLines(bytes, atMs ?? Date.now(), take, packet);
  let shift: number | undefined;
  const summary = readCaptureFile(bytes, (ip, packetAt) => {
    shift ??= atMs === undefined ? 0 : atMs - packetAt;
    packet.at = packetAt + shift;
    if (decodePacket(ip, packet)) take();
  });
  return remarks(summary);
}

/** Tells decisions in the order of their packets, though datagrams take a while, and judges datagrams one after the other. */
class Line {
  readonly #tell: (decision: Decision) => void;
  #last: Promise<void> | undefined;

  constructor(tell: (decision: Decision) => void) {
    this.#tell = tell;
  }

  say(decision: Decision): void {
    if (this.#last === undefined) this.#tell(decision);
    else this.#last = this.#last.then(() => this.#tell(decision));
  }

  sayLater(deciding: () => Promise<Decision | undefined>): void {
    this.#last = (this.#last ?? Promise.resolve()).then(async () => {
      const decision = await deciding();
      if (decision !== undefined) this.#tell(decision);
    });
  }

  async empty(): Promise<void> {
    await this.#last;
  }
}

type Recogniser = (packet: Packet) => void;

/** The methods of a configuration, as the listener has them, but for datagrams. */
function recognisersOf(config: Config, line: Line): Recogniser[] {
  const decided = (decision: Decision) => line.say(decision);
  const site = siteSettings(config);
  // Whose addresses a capture shows is not known here.
  const sequences = sequenceSettings(config, undefined);
  const numbers = numberSettings(config);
  return [
    ...(site === undefined ? [] : [portSequenceRecogniser(site, decided)]),
    ...(sequences === undefined ? [] : [sequenceRecogniser(sequences, decided)]),
    ...(numbers === undefined ? [] : [numberRecogniser(numbers, decided)]),
  ];
}

function portSequenceRecogniser(site: SiteSettings, decided: (decision: Decision) => void): Recogniser {
  const memory = new TransientMemory();
  const lastAccepted = (clientId: number) => memory.lastAccepted(clientId);
  const method = new PortSequence(buildSite(site), lastAccepted, sourceCapacity, seed);
  return packet => {
    const verdict = method.recognise(packet);
    if (verdict !== undefined) decided(verdict.outcome === 'knock' ? admit(verdict, memory) : verdict);
  };
}

function sequenceRecogniser(
  settings: SequenceSiteSettings,
  decided: (decision: Decision) => void,
): Recogniser {
  const events = { stage: () => {}, knock: decided, refused: decided };
  const method = new PlainSequence(buildSequences(settings), events, sourceCapacity, seed);
  const shortestMs = Math.min(...settings.doors.map(({ timeoutMs }) => timeoutMs));
  let next = Number.POSITIVE_INFINITY;
  return packet => {
    if (packet.at >= next) next = method.expire(packet.at);
    method.hear(packet);
    next = Math.min(next, packet.at + shortestMs);
  };
}

/** What the kernel would have let in, no number of this capture having been used before it. */
function numberRecogniser(settings: NumberSiteSettings, decided: (decision: Decision) => void): Recogniser {
  const method = new SequenceNumber(buildNumbers(settings), Number.POSITIVE_INFINITY);
  return packet => {
    const verdict = method.recognise(packet, undefined);
    if (verdict !== undefined) decided(verdict);
  };
}

function explainLines(
  bytes: Buffer,
  atMs: number,
  take: () => void,
  packet: ReturnType<typeof newPacket>,
): Remark[] {
  const lines = new HitLines();
  const hit = (port: number, source: Uint8Array) => {
    fillFromHit(packet, source, port, atMs);
    take();
  };
  lines.push(bytes.toString('latin1'), hit);
  lines.end(hit);
  return lines.malformed === 0 ? [] : [`${lines.malformed} lines were no hits`];
}

function explain(config: Config, decision: Decision): Explanation {
  const { at, source, method, door, client, service, serial } = decision;
  const known = config.doors.find(({ name }) => name === door);
  const holder = client === undefined || method !== 'datagram' ? client : certificateHolder(client);
  return {
    at: new Date(at).toISOString(),
    source: formatAddress(source),
    method,
    outcome: outcomeOf(decision, known),
    // Of a datagram it may be a port that is of no door.
    ...(door === undefined || (known === undefined && service !== undefined) ? {} : { door }),
    ...(service === undefined ? {} : { service: formatService(service) }),
    ...(holder === undefined || holder === '' ? {} : { client: holder }),
    ...(serial === undefined ? {} : { serial }),
    ...(decision.outcome === 'refused' ? { reason: decision.reason } : {}),
    ...flawIn(decision),
  };
}

function outcomeOf({ outcome }: Decision, door: Door | undefined): Explanation['outcome'] {
  if (outcome !== 'knock') return outcome === 'answer' ? 'answered' : 'refused';
  return door?.kind === 'command' ? 'ran' : 'opened';
}

function flawIn(decision: Decision): Pick<Explanation, 'flaw'> {
  if (decision.outcome !== 'refused') return {};
  const { method, reason, detail } = decision;
  const flawOf = { datagram: datagramFlawOf, challenge: challengeFlawOf }[method as string];
  const flaw = flawOf?.(reason, detail);
  return flaw === undefined ? {} : { flaw };
}

function remarks({ damage, unknownLink, unknownLinkType }: ReturnType<typeof readCaptureFile>): Remark[] {
  const found: Remark[] = [];
  if (damage !== undefined) found.push(`the capture is damaged at byte ${damage.offset}: ${damage.reason}`);
  if (unknownLink > 0)
    found.push(`${unknownLink} packets have a link type (${unknownLinkType}) that is not known`);
  return found;
}
