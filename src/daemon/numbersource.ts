/** For whom there are sequence numbers, and what keeps account of each: a client's key, at one of its ports. */
import { derivationFor, NumberSeries } from '../methods/sequence-number/format.js';
import type { Config } from './config.js';
import { numberSources, sourceName } from './series.js';

export interface Source {
  /** Tells nothing of the key. */
  readonly name: string;
  readonly port: number;
  readonly numberAt: (step: number) => number;
  /** The steps around now that need nothing more: given, or not to be given again. */
  readonly settled: Set<number>;
}

/** The sources of a configuration, by name. @param before those that were there: their account goes on */
export function sourcesOf(config: Config, before: ReadonlyMap<string, Source>): ReadonlyMap<string, Source> {
  const sources = new Map<string, Source>();
  const derivations = new Map<number, ReturnType<typeof derivationFor>>();
  for (const { psk, derivedFor, port } of numberSources(config)) {
    const name = sourceName({ psk, derivedFor, port }, config.sequenceNumber!.periodMs);
    const derivation = derivations.get(derivedFor) ?? derivationFor(derivedFor);
    derivations.set(derivedFor, derivation);
    // The key is taken in with the first number: that costs more than the number, and there may be ten thousand.
    let series: NumberSeries | undefined;
    const numberAt = (step: number) => {
      series ??= new NumberSeries(psk, derivation);
      return series.at(step);
    };
    sources.set(name, before.get(name) ?? { name, port, numberAt, settled: new Set() });
  }
  return sources;
}
