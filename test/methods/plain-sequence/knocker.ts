/** Packets at a site of plain sequences, and what it says of them. */
import type { Flags, Step } from '../../../src/methods/plain-sequence/format.js';
import { parseFlags, parseSequence } from '../../../src/methods/plain-sequence/format.js';
import { PlainSequence } from '../../../src/methods/plain-sequence/recognise.js';
import type { SequenceDoor, SequenceSite } from '../../../src/methods/plain-sequence/site.js';
import { parseAddress } from '../../../src/net/address.js';
import { newPacket, type Packet, tcp, udp } from '../../../src/net/packet.js';

const seed = Buffer.alloc(36, 7);

/** A step as knockd writes it, `7000` or `8000:udp`. */
export function steps(text: string): readonly Step[] {
  const found = parseSequence(text);
  if ('mistake' in found) throw new Error(found.mistake);
  return found;
}

/** Whatever the flags are. */
export const anyFlags: Flags = { mask: 0, value: 0 };
export const synFlags = parseFlags(['syn', '!ack', '!fin', '!rst'])!;

export function door(name: string, sequence: string, changes: Partial<SequenceDoor> = {}): SequenceDoor {
  return {
    name,
    steps: sequence === '' ? [] : steps(sequence),
    timeoutMs: 10_000,
    flags: anyFlags,
    target: undefined,
    allowDuplicates: false,
    scanGuard: false,
    turn: undefined,
    ...changes,
  };
}

export interface Sent {
  readonly from?: string;
  readonly to?: string;
  readonly flags?: number;
  readonly sourcePort?: number;
  readonly sequence?: number;
}

/** Sends packets and keeps what is said: `ssh 1` for a stage, `ssh!` for a knock, `ssh: wrong-port 2` for a refusal. */
export class Knocker {
  readonly said: string[] = [];
  readonly method: PlainSequence;
  now = 1_790_000_000_000;
  readonly #packet: Packet = newPacket();
  #sent = 0;

  constructor(doors: readonly SequenceDoor[], site: Partial<SequenceSite> = {}, capacity = 64) {
    const say = (text: string) => this.said.push(text);
    this.method = new PlainSequence(
      { doors, services: [], addresses: undefined, ...site },
      {
        stage: (name, stage) => say(`${name} ${stage}`),
        knock: ({ door: name }) => say(`${name}!`),
        refused: ({ door: name, reason, detail }) => say(`${name}: ${reason} ${detail}`),
      },
      capacity,
      seed,
    );
  }

  /** One packet to each step, each from a source port of its own unless one is given. */
  send(
    sequence: string,
    { from = '192.0.2.1', to = '192.0.2.254', flags = 2, sourcePort, sequence: number }: Sent = {},
  ): this {
    for (const { protocol, port } of steps(sequence)) {
      const packet = this.#packet;
      this.#sent++;
      packet.at = this.now;
      packet.source.set(parseAddress(from)!);
      packet.destination.set(parseAddress(to)!);
      packet.protocol = protocol;
      packet.sourcePort = sourcePort ?? 1024 + (this.#sent % 60_000);
      packet.port = port;
      packet.flags = protocol === tcp ? flags : 0;
      packet.sequence = protocol === udp ? 0 : (number ?? this.#sent);
      this.method.hear(packet);
    }
    return this;
  }

  wait(ms: number): this {
    this.now += ms;
    return this;
  }

  /** What was said since it was asked last. */
  hear(): string[] {
    return this.said.splice(0);
  }

  /** Names of doors that were opened since it was asked last. */
  opened(): string[] {
    return this.hear().flatMap(text => (text.endsWith('!') ? [text.slice(0, -1)] : []));
  }
}
