/** Which figures are drawn, and how: a report in, charts out. */
import type { Bar, BarGroup, Chart } from './chart.js';
import type { Report, ReportedFigure } from './report.js';
import { contenderNames, contenderTitles, formatNumber, type Value } from './table.js';

export interface NamedChart {
  /** Of its file, and of its place on the page. */
  readonly name: string;
  /** What to see in it, a sentence. */
  readonly words: string;
  readonly chart: Chart;
}

interface Plan {
  readonly name: string;
  readonly title: string;
  readonly axis: string;
  readonly words: string;
  readonly scale: Chart['scale'];
  /** Which figures, of all. */
  readonly shows: (figure: ReportedFigure) => boolean;
  /** What a group is called; the figure's name where nothing else is said. */
  readonly titleOf?: (figure: ReportedFigure) => string;
}

const percent = { most: 100 };

const plans: readonly Plan[] = [
  {
    name: 'latency',
    title: 'From the last packet of a knock to the first connection',
    axis: 'milliseconds, logarithmic',
    words:
      'Half of the knocks are faster than p50, all but one in a hundred than p99. The line is the quarters.',
    scale: 'log',
    shows: ({ part, name }) => part === 'latency' && /^p(?:50|99) of \d/.test(name),
  },
  {
    name: 'success',
    title: 'Knocks that open, one try each, on a bad network',
    axis: '% of the knocks',
    words: 'Packets are lost, reordered or doubled by the same seeded network for all. Nobody tries twice.',
    scale: percent,
    shows: ({ part }) => part === 'success',
  },
  {
    name: 'flood',
    title: 'Knocks that open, one try each, under a flood',
    axis: '% of the knocks',
    words:
      'Garbage from random sources to where each listens. Every knock is one of a client not heard before.',
    scale: percent,
    shows: ({ part, unit, name }) => part === 'flood' && unit === '%' && name.includes('open'),
    titleOf: ({ name }) => name.replace(/:.*/, ''),
  },
  {
    name: 'interference',
    title: 'Knocks that open while a stranger sprays the window in the client’s own name',
    axis: '% of the knocks',
    words:
      'What it takes to stop one client whose address is known: SYNs a second with that address as their source.',
    scale: percent,
    shows: ({ part }) => part === 'interference',
  },
  {
    name: 'garbage',
    title: 'Processor time of the daemon for each garbage packet, at 100,000 a second',
    axis: 'microseconds, logarithmic',
    words: 'What does not reach a daemon costs it nothing: see how many packets were lost before it.',
    scale: 'log',
    shows: ({ part, unit }) => (part === 'garbage' || part === 'population') && unit === 'µs',
    titleOf: ({ part, name }) =>
      part === 'population' ? `into the window, clients configured: ${name}` : name,
  },
  {
    name: 'sequence-time',
    title: 'From the last SYN of a sequence to the command started',
    axis: 'milliseconds, logarithmic',
    words:
      'Three SYNs to knockd, and to portknockd in its place with the same knockd.conf, whose command is `echo`. The native door is one of portknockd’s own, without a command: to the first connection.',
    scale: 'log',
    shows: ({ part, unit, name }) => part === 'sequences' && unit === 'ms' && /^p(?:50|99) of \d/.test(name),
  },
  {
    name: 'sequence-garbage',
    title: 'Processor time of the daemon for each garbage SYN at a sequence, at 100,000 a second',
    axis: 'microseconds, logarithmic',
    words:
      'From random sources, to the ports of a knockd.conf’s sequence and to others. What the kernel’s filter stops costs the daemon nothing; a native door hears all SYNs, as it looks for who scans.',
    scale: 'log',
    shows: ({ part, unit }) => part === 'sequences' && unit === 'µs',
  },
  {
    name: 'sequence-spoofed',
    title: 'Sequences that open, one try each, while strangers begin them in everybody’s name',
    axis: '% of the knocks',
    words:
      'The first SYN of the sequence from random sources, so many a second; meanwhile clients not heard before send all three at once. knockd keeps every source for five seconds in a list that it reads for each packet.',
    scale: percent,
    shows: ({ part, unit, name }) => part === 'sequences' && unit === '%' && name.includes('opened of'),
    titleOf: ({ name }) => name.replace(/:.*/, ''),
  },
  {
    name: 'number-time',
    title: 'From nothing to a connection',
    axis: 'microseconds, logarithmic',
    words:
      'portknock: from the last packet of a knock. Sequence number: a connection whose first packet is the knock, from before its socket is made. Floor: the same to a port that nothing guards.',
    scale: 'log',
    shows: ({ part, unit, name }) => part === 'numbers' && unit === 'µs' && /^p(?:50|99) of \d/.test(name),
  },
  {
    name: 'datagrams',
    title: 'Signed datagrams that open under well-shaped garbage',
    axis: '% of the knocks',
    words:
      'Garbage in the form of a knock: with a key by chance, or a valid one, which costs the daemon a key agreement. One try each but where it is said. fwknop: base64 to its own port.',
    scale: percent,
    shows: ({ part, unit, name }) => part === 'datagrams' && unit === '%' && !name.startsWith(' '),
  },
  {
    name: 'challenges',
    title: 'Exchanges of a challenge that open under a flood of hellos',
    axis: '% of the exchanges',
    words: 'Hellos from random sources, 20,000 a second. A client asks again after a second.',
    scale: percent,
    shows: ({ part, unit, name }) => part === 'challenges' && unit === '%' && name.includes('tr'),
  },
  {
    name: 'memory',
    title: 'Resident memory',
    axis: 'MiB, logarithmic',
    words:
      'Of all processes of a daemon, what they share counted in each. The floor: Node doing nothing, twice.',
    scale: 'log',
    shows: ({ part, unit, name }) =>
      part === 'memory' && unit === 'MiB' && /^(?:idle|after|most)\b(?!,)/.test(name),
  },
  {
    name: 'programs',
    title: 'From the start of a program',
    axis: 'milliseconds, logarithmic',
    words: 'The client to its end, the daemon to its word that it hears knocks. The floor: node -e 0.',
    scale: 'log',
    shows: ({ part, name }) => part === 'client' || (part === 'start' && name.startsWith('to ready')),
    titleOf: ({ part }) => (part === 'client' ? 'the client’s whole run' : 'the daemon to ready'),
  },
];

/** Those of which the report has figures. */
export function chartsOf({ figures }: Report): NamedChart[] {
  return plans.flatMap(({ name, words, title, axis, scale, shows, titleOf }) => {
    const groups = figures.filter(shows).map(figure => groupOf(figure, titleOf?.(figure) ?? figure.name));
    return groups.length === 0 ? [] : [{ name, words, chart: { title, axis, scale, groups } }];
  });
}

function groupOf(figure: ReportedFigure, title: string): BarGroup {
  const { values, unit, goal } = figure;
  const bars = contenderNames.flatMap((colour): Bar[] => {
    const value = values[colour];
    if (value === undefined) return [];
    return [{ ...value, colour, label: contenderTitles[colour], text: textOf(value, unit) }];
  });
  if (goal?.at === undefined) return { title, bars };
  return { title, bars, goal: { at: goal.at, text: goalText(goal.text, goal.at, unit) } };
}

function textOf({ value, low, high }: Value, unit: string): string {
  const between =
    low === undefined || high === undefined || low === high
      ? ''
      : ` (${formatNumber(low)}–${formatNumber(high)})`;
  return `${formatNumber(value)} ${unit}${between}`;
}

/** A share of another's value is a number too. */
function goalText(text: string, at: number, unit: string): string {
  return text.includes('1/') ? `goal ${text} of knockd’s: ${formatNumber(at)} ${unit}` : `goal ${text}`;
}
