/** Sequences that are used once: which line is next, and what is written into the file. */
import { first } from '../harness/knockd.js';
import type { Scenario } from '../harness/scenario.js';
import { ends, knock, logged, note, pause, ran } from '../harness/steps.js';

const sequences = '/mnt/sequences';
const opened = `open ${first.client}`;

const door = `
[once]
  one_time_sequences = ${sequences}
  command = echo open %IP% >> /mnt/ran
`;
const always = `
[always]
  sequence = 7000
  command = echo always >> /mnt/ran
`;

const stages = ['Stage 1', 'Stage 2', 'OPEN SESAME'].map(text => `${first.client}: once: ${text}`);
const alwaysOpens = ['Stage 1', 'OPEN SESAME'].map(text => `${first.client}: always: ${text}`);
const ranOut = 'no more sequences left in the one time sequences file for door once --> disabling the door⏎';

const left = note(trial => trial.read(sequences));

export const onetime: readonly Scenario[] = [
  {
    name: 'the first line opens, and is marked',
    configuration: door,
    files: { [sequences]: ' 1111,1112,1113\n 2111,2112,2113\n' },
    steps: [knock([1111, 1112, 1113]), ran(1), left],
    ran: [opened],
  },
  {
    name: 'each line opens once, in their order',
    configuration: door,
    files: { [sequences]: ' 1111,1112,1113\n 2111,2112,2113\n 3111,3112,3113\n' },
    steps: [
      knock([1111, 1112, 1113]),
      ran(1),
      pause(100),
      knock([1111, 1112, 1113]),
      knock([2111, 2112, 2113]),
      ran(2),
      left,
    ],
    ran: [opened, opened],
  },
  {
    name: 'a later line does not open',
    configuration: door,
    files: { [sequences]: ' 1111,1112,1113\n 2111,2112,2113\n' },
    steps: [knock([2111, 2112, 2113]), left],
    ran: [],
  },
  {
    name: 'comments, empty and marked lines are passed over; the first character is overwritten',
    configuration: door,
    files: { [sequences]: '# comment\n\n#5111,5112\n  # too\n1111:udp,1112\n\t2111 , 2112:TCP\n 3111,3112' },
    steps: [knock(['1111:udp', 1112]), ran(1), pause(100), knock([2111, 2112]), ran(2), left],
    ran: [opened, opened],
  },
  {
    name: 'a line without a sequence is passed over',
    configuration: door,
    files: { [sequences]: ' 1111,70000\n 2111,2112\n 3111,3112\n' },
    steps: [knock([2111, 2112]), pause(300), left],
    ran: [opened],
    differs: {
      why: 'knockd marks the line without a sequence, and the used one opens again',
      knockd: { notes: ['#1111,70000\n 2111,2112\n 3111,3112\n'] },
      ours: { notes: [' 1111,70000\n#2111,2112\n 3111,3112\n'] },
    },
  },
  {
    name: 'the last line is used',
    configuration: `${door}${always}`,
    files: { [sequences]: ' 1111,1112\n' },
    steps: [knock([1111, 1112]), ran(1), logged('no more sequences'), pause(200), left, knock([7000])],
    ran: [opened],
    differs: {
      why: 'running out disables the door and nothing else; knockd aborts',
      knockd: { status: 'SIGABRT', matching: ['starting up, listening on eth0', ...stages, ranOut] },
      ours: {
        ran: [opened, 'always'],
        status: 15,
        matching: ['starting up, listening on eth0', ...stages, ranOut, ...alwaysOpens, 'shutting down'],
        commands: [
          `once: running command: echo open ${first.client} >> /mnt/ran⏎`,
          'always: running command: echo always >> /mnt/ran⏎',
        ],
      },
    },
  },
  {
    name: 'no line is left at start',
    configuration: `${door}${always}`,
    files: { [sequences]: '#1111,1112\n' },
    steps: [knock([7000])],
    ran: [],
    differs: {
      why: 'running out disables the door and nothing else; knockd does not start',
      knockd: { status: 1, matching: [] },
      ours: {
        ran: ['always'],
        status: 15,
        matching: [
          `/mnt/knockd.conf:3: ${ranOut.replace('⏎', '')}`,
          'starting up, listening on eth0',
          ...alwaysOpens,
          'shutting down',
        ],
        commands: ['always: running command: echo always >> /mnt/ran⏎'],
      },
    },
  },
  {
    name: 'with a stop command, a line is used all the same',
    configuration: `${door}  cmd_timeout = 0\n  stop_command = echo stop %IP% >> /mnt/ran\n`,
    files: { [sequences]: ' 1111,1112\n 2111,2112\n 3111,3112\n' },
    steps: [knock([1111, 1112]), ran(2), knock([2111, 2112]), ran(4), left],
    ran: [opened, `stop ${first.client}`, opened, `stop ${first.client}`],
  },
  {
    name: 'a file that is not there',
    configuration: `${door}${always}`,
    steps: [ends()],
    ran: [],
  },
];
