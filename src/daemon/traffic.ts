/** What is only counted, in one line from time to time: floods, losses, noise. Nothing is said of a single packet. */
import { formatAddress } from '../net/address.js';
import { type Counters, newCounters } from './counters.js';
import type { Log } from './log.js';

export class Traffic {
  readonly #log: Log;
  /** What had been counted when it was last spoken of. */
  #told: Counters = newCounters();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param last who sent the last packet, 16 bytes */
  tell(counters: Counters, last: Uint8Array): void {
    const since = (name: 'seen' | 'lost' | 'noise' | 'datagrams dropped' | 'challenges dropped') =>
      counters[name] - this.#told[name];
    const [seen, lost, noise] = [since('seen'), since('lost'), since('noise')];
    const [dropped, responses] = [since('datagrams dropped'), since('challenges dropped')];
    this.#told = counters;
    const parts = [
      `${seen.toLocaleString('en')} packets heard, the last from ${formatAddress(last)}`,
      ...(lost > 0 ? [`${lost.toLocaleString('en')} more lost before they reached us`] : []),
      ...(noise > 0 ? [`${noise.toLocaleString('en')} blocks that were no knock (another site key?)`] : []),
      ...(dropped > 0 ? [`${dropped.toLocaleString('en')} datagrams dropped, too many to be verified`] : []),
      ...(responses > 0
        ? [`${responses.toLocaleString('en')} responses dropped, too many to be judged`]
        : []),
    ];
    const level = lost > 0 || dropped > 0 || responses > 0 ? 'warn' : 'info';
    this.#log[level](
      { event: 'traffic', seen, lost, noise, dropped: dropped + responses },
      `since the last such line: ${parts.join('; ')}`,
    );
  }
}
