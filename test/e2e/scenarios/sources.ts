/** Who is told apart: what one source does leaves the attempts of others alone. */
import { first, second, sixth } from '../harness/knockd.js';
import type { Scenario } from '../harness/scenario.js';
import { knock, pause, segments } from '../harness/steps.js';
import { command, late, log, opens, type Source, stage } from './lines.js';

const door = `
[door]
  sequence = 7000,8000,9000
  command = echo open %IP% >> /mnt/ran
`;

const opened = `open ${first.client}`;
const twenty = Array.from({ length: 20 }, (_, index) => ({ client: `192.0.2.${100 + index}` }));

export const sources: readonly Scenario[] = [
  {
    name: 'two sources one after the other',
    configuration: door,
    steps: [knock([7000, 8000, 9000]), knock([7000, 8000, 9000], { way: second })],
    ran: [opened, `open ${second.client}`],
    unordered: true,
  },
  {
    name: 'two sources at once',
    configuration: door,
    steps: [7000, 8000, 9000].flatMap(port => [knock([port]), knock([port], { way: second })]),
    ran: [opened],
    unordered: true,
    differs: {
      why: 'knockd forgets all attempts when the first of its list is done with',
      knockd: { matching: log(...turns([first, second], 2), stage(first, 3), opens(first)) },
      ours: {
        ran: [opened, `open ${second.client}`],
        matching: log(...turns([first, second], 3)),
        commands: [command(first), command(second)],
      },
    },
  },
  {
    name: 'twenty sources at once',
    configuration: door,
    steps: [
      segments(
        ...[7000, 8000, 9000].flatMap(port =>
          twenty.map(({ client }) => ({ flags: 'syn', port, source: client })),
        ),
      ),
    ],
    ran: ['open 192.0.2.100'],
    unordered: true,
    differs: {
      why: 'knockd forgets all attempts when the first of its list is done with',
      knockd: { matching: log(...turns(twenty, 2), stage(twenty[0]!, 3), opens(twenty[0]!)) },
      ours: {
        ran: twenty.map(({ client }) => `open ${client}`),
        matching: log(...turns(twenty, 3)),
        commands: twenty.map(command),
      },
    },
  },
  {
    name: 'a source that fails takes nothing from another',
    configuration: door,
    steps: [
      knock([7000], { way: second }),
      knock([7000]),
      knock([9000], { way: second }),
      knock([8000]),
      knock([9000]),
    ],
    ran: [],
    differs: {
      why: 'knockd forgets all attempts when the first of its list is done with',
      knockd: { matching: log(stage(second, 1), stage(first, 1)) },
      ours: {
        ran: [opened],
        matching: log(stage(second, 1), stage(first, 1), stage(first, 2), stage(first, 3), opens(first)),
        commands: [command(first)],
      },
    },
  },
  {
    name: 'a source that is too slow takes nothing from another',
    configuration: `${door}  seq_timeout = 4\n`,
    steps: [knock([7000], { way: second }), pause(1900), knock([7000]), pause(2300), knock([8000, 9000])],
    ran: [],
    differs: {
      why: 'knockd forgets all attempts when the first of its list is done with',
      knockd: { matching: log(stage(second, 1), stage(first, 1), late(second, 1)) },
      ours: {
        ran: [opened],
        matching: log(
          ...[stage(second, 1), stage(first, 1), late(second, 1)],
          ...[stage(first, 2), stage(first, 3), opens(first)],
        ),
        commands: [command(first)],
      },
    },
  },
  {
    name: 'half from one source and half from another open nothing',
    configuration: door,
    steps: [knock([7000, 8000]), knock([9000], { way: second })],
    ran: [],
  },
  {
    name: 'half over IPv4 and half over IPv6 open nothing',
    configuration: door,
    steps: [knock([7000, 8000]), knock([9000], { way: sixth })],
    ran: [],
  },
];

/** So many stages of sources that take turns. */
function turns(sources: readonly Source[], stages: number): string[] {
  return Array.from({ length: stages }, (_, index) => index + 1).flatMap(number =>
    sources.flatMap(source => [stage(source, number), ...(number === 3 ? [opens(source)] : [])]),
  );
}
