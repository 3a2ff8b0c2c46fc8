/** SIGHUP: what a configuration that is read again changes. */
import { join } from 'node:path';
import { first } from '../harness/knockd.js';
import { ofOurs, type Scenario } from '../harness/scenario.js';
import { knock, logged, note, pause, ran, reload, signal } from '../harness/steps.js';
import { door, stopping } from './doors.js';

const opened = `open ${first.client}`;
const reread = 're-reading config file: /mnt/knockd.conf⏎';

function stages(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${first.client}: door: Stage ${index + 1}`);
}

export const reloading: readonly Scenario[] = [
  {
    name: 'the new sequence opens, the old one does not',
    configuration: door('7000,8000'),
    steps: [reload(door('7001,8001')), pause(200), knock([7000, 8000]), knock([7001, 8001])],
    ran: [opened],
  },
  {
    name: 'attempts at a door with another sequence are forgotten',
    configuration: door('7000,8000,9000'),
    steps: [
      knock([7000, 8000]),
      logged('Stage 2'),
      reload(door('7000,8000,9001')),
      pause(200),
      knock([9000, 9001]),
    ],
    ran: [],
  },
  {
    name: 'attempts at a door that stays as it is',
    configuration: door('7000,8000,9000'),
    steps: [
      knock([7000, 8000]),
      logged('Stage 2'),
      reload(door('7000,8000,9000')),
      pause(200),
      knock([9000]),
    ],
    ran: [],
    differs: {
      why: 'what a reload leaves as it is goes on',
      knockd: { matching: ['starting up, listening on eth0', ...stages(2), reread, 'shutting down'] },
      ours: {
        ran: [opened],
        matching: [
          'starting up, listening on eth0',
          ...stages(2),
          reread,
          `${first.client}: door: Stage 3`,
          `${first.client}: door: OPEN SESAME`,
          'shutting down',
        ],
        commands: [`door: running command: echo open ${first.client} >> /mnt/ran⏎`],
      },
    },
  },
  {
    name: 'a stop command is still owed',
    configuration: stopping,
    steps: [knock([7000]), ran(1), reload(door('7001,8001')), ran(2)],
    ran: ['start', 'stop'],
  },
  {
    name: 'the log file is opened again',
    configuration: `[options]\n  logfile = /mnt/own.log\n${door('7000')}`,
    bare: { log: '/mnt/own.log' },
    steps: [
      note(async trial => {
        await trial.server.exec('mv', [join(trial.folder, 'own.log'), join(trial.folder, 'own.log.1')]);
        return trial.read('/mnt/own.log.1').includes('starting up') ? 'moved' : 'not there';
      }),
      signal('SIGHUP'),
      pause(500),
      knock([7000]),
      ran(1),
      note(trial => knockdsOwn(trial.read('/mnt/own.log.1').replaceAll(/^\[.*?\] /gm, ''))),
    ],
    ran: [opened],
  },
  {
    name: 'a broken configuration',
    configuration: door('7000,8000'),
    steps: [
      reload('[door]\n  sequence = 7000,8000\n  nonsense = 1\n'),
      pause(500),
      knock([7000, 8000]),
      pause(200),
    ],
    ran: [],
    differs: {
      why: 'what is refused changes nothing: the configuration before stays in force',
      knockd: {
        status: 1,
        matching: ['starting up, listening on eth0', 're-reading config file: /mnt/knockd.conf⏎'],
      },
      ours: {
        ran: [opened],
        status: 15,
        matching: [
          'starting up, listening on eth0',
          're-reading config file: /mnt/knockd.conf⏎',
          `${first.client}: door: Stage 1`,
          `${first.client}: door: Stage 2`,
          `${first.client}: door: OPEN SESAME`,
          'shutting down',
        ],
        commands: [`door: running command: echo open ${first.client} >> /mnt/ran⏎`],
      },
    },
  },
];

/** Without the lines that only ours has. */
function knockdsOwn(text: string): string {
  return text.replaceAll(/^.*\n/gm, line => (ofOurs.test(line) ? '' : line));
}
