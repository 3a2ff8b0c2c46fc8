/**
 * `portknockd explain`: what the daemon would have made of a capture (PROTOCOL.md section 5). No privilege, no state.
 *
 * It runs the recogniser that the daemon runs, with a ledger that begins empty and lasts as long as the command.
 */
import { readFileSync } from 'node:fs';
import type { Knock, Refusal } from '../methods/knock.js';
import { PortSequence } from '../methods/port-sequence/recognise.js';
import { formatAddress } from '../net/address.js';
import { isCaptureFile, readCaptureFile } from '../net/capturefile.js';
import { HitLines } from '../net/lines.js';
import { decodePacket, fillFromHit, newPacket } from '../net/packet.js';
import { errorCode, OperatorError } from '../system/error.js';
import { admit, TransientMemory } from './admission.js';
import type { Config } from './config.js';
import { buildSite, siteSettings } from './site.js';

/** Fixed: the same capture is explained alike every time. Nobody attacks it here. */
const seed = Buffer.alloc(36, 1);
const sourceCapacity = 65536;

/** What came of one knock, as it is printed. */
export interface Explanation {
  readonly at: string;
  readonly source: string;
  readonly method: string;
  readonly outcome: 'opened' | 'ran' | 'refused';
  readonly door?: string;
  readonly client?: string;
  readonly reason?: string;
}

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
export function explainCapture(
  config: Config,
  bytes: Buffer,
  atMs: number | undefined,
  explained: (explanation: Explanation) => void,
): Remark[] {
  const settings = siteSettings(config);
  if (settings === undefined)
    return ['the configuration has no [port_sequence]: there is nothing to recognise'];
  const memory = new TransientMemory();
  const lastAccepted = (clientId: number) => memory.lastAccepted(clientId);
  const method = new PortSequence(buildSite(settings), lastAccepted, sourceCapacity, seed);
  const packet = newPacket();
  const take = () => {
    const verdict = method.recognise(packet);
    if (verdict === undefined) return;
    const decision = verdict.outcome === 'knock' ? admit(verdict, memory) : verdict;
    explained(explain(config, decision));
  };
  if (!isCaptureFile(bytes)) return explainLines(bytes, atMs ?? Date.now(), take, packet);
  let shift: number | undefined;
  const summary = readCaptureFile(bytes, (ip, packetAt) => {
    shift ??= atMs === undefined ? 0 : atMs - packetAt;
    packet.at = packetAt + shift;
    if (decodePacket(ip, packet)) take();
  });
  return remarks(summary);
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

function explain(config: Config, decision: Knock | Refusal): Explanation {
  const { at, source, method, door, client } = decision;
  const isCommand = config.doors.some(({ name, kind }) => name === door && kind === 'command');
  return {
    at: new Date(at).toISOString(),
    source: formatAddress(source),
    method,
    outcome: decision.outcome === 'refused' ? 'refused' : isCommand ? 'ran' : 'opened',
    ...(door === undefined ? {} : { door }),
    ...(client === undefined ? {} : { client }),
    ...(decision.outcome === 'refused' ? { reason: decision.reason } : {}),
  };
}

function remarks({ damage, unknownLink, unknownLinkType }: ReturnType<typeof readCaptureFile>): Remark[] {
  const found: Remark[] = [];
  if (damage !== undefined) found.push(`the capture is damaged at byte ${damage.offset}: ${damage.reason}`);
  if (unknownLink > 0)
    found.push(`${unknownLink} packets have a link type (${unknownLinkType}) that is not known`);
  return found;
}
