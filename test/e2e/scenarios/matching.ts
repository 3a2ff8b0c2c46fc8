/** Which packets open a door. */
import { first, sixth } from '../harness/knockd.js';
import type { Scenario } from '../harness/scenario.js';
import { knock, note, pause, ran, segments } from '../harness/steps.js';
import { command, log, opens, stage } from './lines.js';

const door = `
[door]
  sequence = 7000,8000,9000
  command = echo open %IP% >> /mnt/ran
`;

const opened = `open ${first.client}`;
/** What both doors log whose sequences begin alike, where the shorter stands first. */
const shared = [
  stage(first, 1, 'other'),
  stage(first, 1),
  stage(first, 2, 'other'),
  opens(first, 'other'),
  stage(first, 2),
];

export const matching: readonly Scenario[] = [
  {
    name: 'the right ports open',
    configuration: door,
    steps: [knock([7000, 8000, 9000])],
    ran: [opened],
  },
  {
    name: 'ports in the wrong order do not',
    configuration: door,
    steps: [knock([9000, 8000, 7000])],
    ran: [],
  },
  {
    name: 'a port of the sequence too early breaks it',
    configuration: door,
    steps: [knock([7000, 9000, 8000, 9000])],
    ran: [],
  },
  {
    name: 'the knock before twice breaks it',
    configuration: door,
    steps: [knock([7000, 7000, 8000, 9000])],
    ran: [],
  },
  {
    name: 'what breaks an attempt begins none',
    configuration: door,
    steps: [knock([7000, 8000, 7000, 8000, 9000])],
    ran: [],
  },
  {
    name: 'after a broken attempt the whole opens',
    configuration: door,
    steps: [knock([7000, 9000, 7000, 8000, 9000])],
    ran: [opened],
  },
  {
    name: 'ports of no door break nothing',
    configuration: door,
    steps: [knock([7000, 5555, 8000, '5555:udp', 9000])],
    ran: [opened],
  },
  {
    name: 'a knock again after success opens again',
    configuration: door,
    steps: [knock([7000, 8000, 9000]), knock([7000, 8000, 9000])],
    ran: [opened, opened],
    unordered: true,
  },
  {
    name: 'a port may stand twice in a sequence',
    configuration: door.replace('7000,8000,9000', '7000,7000,8000,7000'),
    steps: [knock([7000, 7000, 8000, 7000])],
    ran: [opened],
  },
  {
    name: 'one port is a sequence',
    configuration: door.replace('7000,8000,9000', '7000'),
    steps: [knock([7000])],
    ran: [opened],
  },
  {
    name: 'thirty-two ports are a sequence',
    configuration: door.replace('7000,8000,9000', thirtyTwo().join(',')),
    steps: [knock(thirtyTwo())],
    ran: [opened],
  },
  {
    name: 'of two doors that begin alike one opens',
    configuration: `${door}${other('7000,8000,9100')}`,
    steps: [knock([7000, 8000, 9100])],
    ran: [`other ${first.client}`],
  },
  {
    name: 'of two doors that begin alike the second does not open to the rest',
    configuration: `${door}${other('7000,8000,9100')}`,
    steps: [knock([7000, 8000, 9000, 9100])],
    ran: [opened],
  },
  {
    name: 'two doors with one sequence both open',
    configuration: `${door}${other('7000,8000,9000')}`,
    steps: [knock([7000, 8000, 9000])],
    ran: [opened, `other ${first.client}`],
    unordered: true,
  },
  {
    name: 'a door opens on the way to another',
    configuration: `${door}${other('7000,8000')}`,
    steps: [knock([7000, 8000]), ran(1), knock([9000])],
    ran: [`other ${first.client}`, opened],
  },
  {
    name: 'a door opens on the way to one that stands behind it',
    configuration: `${other('7000,8000')}${door}`,
    steps: [knock([7000, 8000]), ran(1), knock([9000])],
    ran: [`other ${first.client}`],
    differs: {
      why: 'knockd forgets all attempts when the first of its list is done with',
      knockd: { matching: log(...shared) },
      ours: {
        ran: [`other ${first.client}`, opened],
        matching: log(...shared, stage(first, 3), opens(first)),
        commands: [`other: running command: echo other ${first.client} >> /mnt/ran⏎`, command(first)],
      },
    },
  },
  {
    name: 'two doors at once by one source break each other',
    configuration: `${door}${other('1000,2000')}`,
    steps: [knock([7000, 1000, 8000, 2000, 9000])],
    ran: [],
  },
  {
    name: "another door's port breaks an attempt",
    configuration: `${door}${other('1000,2000')}`,
    steps: [knock([7000, 8000, 2000, 9000])],
    ran: [],
  },
  {
    name: 'a retransmission',
    configuration: door,
    steps: [
      segments(
        { flags: 'syn', port: 7000, sourcePort: 40_000, sequence: 5 },
        { flags: 'syn', port: 8000, sourcePort: 40_001, sequence: 6 },
        { flags: 'syn', port: 8000, sourcePort: 40_001, sequence: 6 },
        { flags: 'syn', port: 9000, sourcePort: 40_002, sequence: 7 },
      ),
    ],
    ran: [],
    differs: {
      why: 'a packet that the network repeats is no second knock',
      knockd: { matching: log(stage(first, 1), stage(first, 2)) },
      ours: {
        ran: [opened],
        matching: log(stage(first, 1), stage(first, 2), stage(first, 3), opens(first)),
        commands: [command(first)],
      },
    },
  },
  {
    name: 'UDP opens',
    configuration: door.replace('7000,8000,9000', '7000:udp,8000:udp,9000:udp'),
    steps: [knock([7000, 8000, 9000], { options: ['-u'] })],
    ran: [opened],
  },
  {
    name: 'UDP and TCP mixed open',
    configuration: door.replace('8000', '8000:udp'),
    steps: [knock([7000, '8000:udp', 9000])],
    ran: [opened],
  },
  {
    name: 'the other protocol is no knock, and breaks nothing',
    configuration: door.replace('8000', '8000:udp'),
    steps: [knock([7000, 8000, '8000:udp', 9000])],
    ran: [opened],
  },
  {
    name: 'the other protocol, where another door has it, breaks an attempt',
    configuration: `${door}${other('8000:udp,8001')}`,
    steps: [knock([7000, '8000:udp', 8000, 9000])],
    ran: [],
  },
  {
    name: 'IPv6 opens',
    configuration: door,
    steps: [knock([7000, 8000, 9000], { way: sixth })],
    ran: [`open ${sixth.client}`],
  },
  {
    name: 'IPv6, UDP and TCP mixed',
    configuration: door.replace('8000', '8000:udp'),
    steps: [knock([7000, '8000:udp', 9000], { way: sixth })],
    ran: [`open ${sixth.client}`],
  },
  {
    name: 'with -4, IPv6 is no knock',
    configuration: door,
    options: ['-i', 'eth0', '-4'],
    steps: [knock([7000, 8000, 9000], { way: sixth }), knock([7000, 8000, 9000])],
    ran: [opened],
  },
  {
    name: 'too slow for the sequence timeout',
    configuration: `${door}  seq_timeout = 2\n`,
    steps: [knock([7000, 8000]), pause(2100), knock([9000])],
    ran: [],
  },
  {
    name: 'after a sequence timeout the whole opens',
    configuration: `${door}  seq_timeout = 2\n`,
    steps: [knock([7000, 8000]), pause(3100), knock([7000, 8000, 9000])],
    ran: [opened],
  },
  {
    name: 'slow, within the sequence timeout',
    configuration: `${door}  timeout = 4\n`,
    steps: [knock([7000]), pause(900), knock([8000]), pause(900), knock([9000])],
    ran: [opened],
  },
  {
    name: 'the sequence timeout counts from the first knock',
    configuration: `${door}  seq_timeout = 4\n`,
    steps: [knock([7000]), pause(2100), knock([8000]), pause(2100), knock([9000])],
    ran: [],
  },
  {
    name: 'a sequence timeout is logged when it happens',
    configuration: `${door}  seq_timeout = 2\n`,
    steps: [
      knock([7000, 8000]),
      pause(3000),
      note(trial => `logged by then: ${trial.read('/mnt/log').includes('sequence timeout (stage 2)')}`),
    ],
    ran: [],
    differs: {
      why: 'knockd sees a timeout when the next packet comes',
      knockd: { notes: ['logged by then: false'] },
      ours: { notes: ['logged by then: true'] },
    },
  },
  {
    name: 'the sequence timeout is not short by default',
    configuration: door,
    steps: [knock([7000, 8000]), pause(3200), knock([9000])],
    ran: [opened],
  },
];

function other(sequence: string): string {
  return `
[other]
  sequence = ${sequence}
  command = echo other %IP% >> /mnt/ran
`;
}

function thirtyTwo(): number[] {
  return Array.from({ length: 32 }, (_, index) => 7000 + ((index * 5) % 32));
}
