/** What is unwise about plain sequences and sequence numbers, a sentence each: for `check`, and for the log when the daemon starts. */
import { formatStep, type Step } from '../methods/plain-sequence/format.js';
import { roughly } from '../system/duration.js';
import type { Config, Door } from './config.js';
import { guessingOdds } from './series.js';

/** Fewer ports than these are guessed by chance too often. */
const fewest = 3;
/** Ports as near as these are hit one after the other by whoever scans upwards or downwards. */
const nearPorts = 16;

interface Sequence {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly scanGuard: boolean;
}

export function sequenceWarnings(doors: readonly Door[]): string[] {
  const sequences = doors.flatMap(({ name, sequence }) =>
    sequence === undefined || sequence.steps.length === 0 ? [] : [{ name, ...sequence }],
  );
  return sequences.flatMap(sequence => [...weaknesses(sequence), ...shared(sequence, sequences)]);
}

function weaknesses({ name, steps, scanGuard }: Sequence): string[] {
  const found: string[] = [];
  if (new Set(steps.map(formatStep)).size < fewest) {
    found.push(`door "${name}": a sequence of fewer than ${fewest} different ports is soon guessed`);
  }
  const direction = directionOf(steps);
  if (direction !== undefined) {
    const most = scanGuard ? 'only the scan guard is in its way' : 'nothing is in its way';
    found.push(`door "${name}": a port scan ${direction} knocks this sequence by itself; ${most}`);
  }
  return found;
}

/** Ports in order of their numbers are hit in that order by a scan, whatever lies between them. */
function directionOf(steps: readonly Step[]): string | undefined {
  if (steps.length < 2) return undefined;
  const rises = steps.slice(1).map(({ port }, index) => port - steps[index]!.port);
  const near = rises.every(rise => Math.abs(rise) <= nearPorts);
  const manner = near ? '' : ' that reaches all of them in time';
  if (rises.every(rise => rise > 0)) return `upwards${manner}`;
  return rises.every(rise => rise < 0) ? `downwards${manner}` : undefined;
}

function shared({ name, steps }: Sequence, all: readonly Sequence[]): string[] {
  const text = steps.map(formatStep).join(' ');
  return all
    .filter(other => other.name !== name)
    .flatMap(other => {
      const its = other.steps.map(formatStep).join(' ');
      if (its === text)
        return name < other.name ? [`doors "${name}" and "${other.name}" have the same sequence`] : [];
      if (!its.startsWith(`${text} `)) return [];
      return [
        `door "${name}": its sequence begins that of "${other.name}", so whoever knocks there opens this too`,
      ];
    });
}

/** One source that guesses all the time should need longer on average. */
const shortestGuessingMs = 30 * 86_400_000;
/** Who has recorded a connection tries passphrases as fast as his machines can. */
const fewestCharacters = 16;

export function numberWarnings(config: Pick<Config, 'doors' | 'clients' | 'sequenceNumber'>): string[] {
  const short = config.clients.flatMap(client => {
    const isShort =
      client.kind === 'psk' && [...Buffer.from(client.psk).toString()].length < fewestCharacters;
    return isShort && !client.revoked
      ? [
          `client "${client.name}": its psk has fewer than ${fewestCharacters} characters: whoever records a connection can try passphrases at full speed`,
        ]
      : [];
  });
  const odds = guessingOdds(config).filter(({ meanMs }) => meanMs < shortestGuessingMs);
  return [
    ...short,
    ...odds.map(
      ({ port, numbers, meanMs }) =>
        `tcp/${port}: ${numbers} sequence numbers are good at once, so a source that guesses all the time is let in after ${roughly(meanMs)} on average; lower guesses_per_second, or choose a smaller tolerance or a longer period`,
    ),
  ];
}
