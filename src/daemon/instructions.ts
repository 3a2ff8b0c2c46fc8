/** What the monitor says to the listener, a line of JSON each. */
import type { CaptureKind } from './capture.js';
import type { ChallengeSiteSettings } from './challengesite.js';
import type { DatagramSiteSettings } from './datagramsite.js';
import type { NumberSiteSettings } from './numbersite.js';
import type { SequenceSiteSettings } from './sequences.js';
import type { SiteSettings } from './site.js';

export type Instruction =
  | ({ readonly say: 'settings' } & Settings)
  | ({ readonly say: 'lists' } & ListsNews)
  | { readonly say: 'counters' }
  | { readonly say: 'alive' };

/** Of lists of revoked certificates. */
export interface ListsNews {
  /** As they were fetched: the monitor has not looked into them. Undefined: what they were. */
  readonly text?: string | undefined;
  /** Whether they are being got for the first time: until then an authority without a list has none in. */
  readonly areAwaited: boolean;
}

export interface Settings {
  readonly capture: CaptureKind;
  readonly site: SiteSettings | undefined;
  readonly sequences: SequenceSiteSettings | undefined;
  readonly numbers: NumberSiteSettings | undefined;
  readonly datagrams: DatagramSiteSettings | undefined;
  readonly challenges: ChallengeSiteSettings | undefined;
  /** Whether hellos that come over IPv6 can be answered. */
  readonly answersIPv6: boolean;
  /** Whether every stage of a plain sequence is to be told. */
  readonly tellsStages: boolean;
  /** Whether every packet is to be written to standard output. */
  readonly tellsPackets: boolean;
}

/** Cuts a stream into instructions. Some are long: what has come so far is put together once. */
export class InstructionReader {
  #parts: string[] = [];

  push(chunk: string, obey: (instruction: Instruction) => void): void {
    const lines = chunk.split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      const whole = this.#parts.length === 0 ? line : [...this.#parts, line].join('');
      this.#parts = [];
      obey(JSON.parse(whole) as Instruction);
    }
    if (rest !== '') this.#parts.push(rest);
  }
}
