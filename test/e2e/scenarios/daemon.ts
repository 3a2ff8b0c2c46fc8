/** The daemon as a process: signals, files, options, what it prints. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { first, type Step, sixth } from '../harness/knockd.js';
import { ofOurs, type Scenario } from '../harness/scenario.js';
import { endBackground, ends, knock, logged, note, pause, ran, reload, signal } from '../harness/steps.js';
import { door, stopping } from './doors.js';

const opened = `open ${first.client}`;

/** What knockd prints of its own innards. */
export const pcapLines = /^(adding pcap expression|removing (successful|failed) knock)/;

export const daemon: readonly Scenario[] = [
  {
    name: 'INT ends it, with the number of the signal',
    configuration: door('7000'),
    steps: [knock([7000]), ran(1), signal('SIGINT'), ends()],
    ran: [opened],
  },
  {
    name: 'TERM while a command runs',
    configuration: door('7000').replace('command =', 'command = sleep 1;'),
    steps: [knock([7000]), logged('running command'), signal('SIGTERM'), ends(), ran(1)],
    ran: [opened],
  },
  {
    name: 'TERM while a stop command is owed',
    configuration: stopping,
    steps: [knock([7000]), ran(1), signal('SIGTERM'), ends(), ran(2)],
    ran: ['start', 'stop'],
  },
  {
    name: '-d: in the background, with a process id file that goes at the end',
    configuration: door('7000'),
    options: ['-i', 'eth0', '-d', '-p', '/mnt/pid'],
    steps: [
      ends(),
      logged('starting up'),
      note(trial => `${/^\d+\n?$/.test(trial.read('/mnt/pid'))}`),
      knock([7000]),
      ran(1),
      endBackground('/mnt/pid'),
      logged('shutting down'),
      pause(200),
      note(trial => `still there: ${existsSync(join(trial.folder, 'pid'))}`),
    ],
    ran: [opened],
  },
  {
    name: "-d: the configuration's files go before the command line's",
    configuration: `[options]\n  PidFile = /mnt/own.pid\n  LogFile = /mnt/own.log\n${door('7000')}`,
    options: ['-i', 'eth0', '-d', '-p', '/mnt/pid'],
    bare: { log: '/mnt/own.log' },
    steps: [
      ends(),
      logged('starting up', 1, '/mnt/own.log'),
      note(
        trial => `${/^\d+\n?$/.test(trial.read('/mnt/own.pid'))} ${existsSync(join(trial.folder, 'pid'))}`,
      ),
      knock([7000]),
      ran(1),
      note(trial => trial.read('/mnt/log')),
      endBackground('/mnt/own.pid'),
      logged('shutting down', 1, '/mnt/own.log'),
    ],
    ran: [opened],
  },
  {
    name: 'without -d there is no process id file',
    configuration: door('7000'),
    options: ['-i', 'eth0', '-p', '/mnt/pid'],
    steps: [knock([7000]), ran(1), note(trial => `there: ${existsSync(join(trial.folder, 'pid'))}`)],
    ran: [opened],
  },
  {
    name: '-l: names of sources that have one',
    configuration: door('7000,8000'),
    options: ['-i', 'eth0', '-l'],
    files: { '/etc/hosts': `127.0.0.1 localhost\n${first.client} visitor.example\n` },
    steps: [knock([7000, 8000]), ran(1)],
    ran: [opened],
  },
  {
    name: 'options as getopt takes them: together, attached, long, shortened',
    configuration: door('7000'),
    options: ['-vieth0', '--only-ip-v4', '--pidf=/mnt/pid', '--lookup'],
    steps: [knock([7000], { way: sixth }), knock([7000]), ran(1)],
    ran: [opened],
    output: true,
  },
  {
    name: 'UseSyslog, in any section',
    configuration: `${door('7000,8000', '  seq_timeout = 5\n  UseSyslog\n')}`,
    syslog: true,
    steps: [
      knock([7000, 8000]),
      ran(1),
      reload(door('7001', '  UseSyslog\n')),
      pause(200),
      signal('SIGTERM'),
      ends(),
      note(({ syslog }) => syslogged(syslog?.stdout ?? '')),
    ],
    ran: [opened],
  },
  {
    name: '-v prints what it does',
    configuration: stopping,
    options: ['-i', 'eth0', '-v'],
    steps: [knock([7000]), ran(2)],
    ran: ['start', 'stop'],
    output: true,
  },
  {
    name: '-D prints the configuration and the packets',
    configuration: `[options]
  UseSyslog
  logfile = /mnt/log
${door('7000,8000:udp,9000', '  tcpflags = syn,!ack\n  seq_timeout = 5\n')}${stopping.replaceAll('7000', '7005').replace('[door]', '[second]')}`,
    options: ['-i', 'eth0', '-D'],
    steps: [knock([7000, '8000:udp', 9000]), ran(1), knock([7000, 9000, 7000])],
    ran: [opened],
    output: true,
    differs: { why: 'there is no pcap, and no list to remove from', unsaid: pcapLines, knockd: {}, ours: {} },
  },
  {
    name: '-D prints the month',
    configuration: door('7000'),
    options: ['-i', 'eth0', '-D'],
    steps: [
      knock([7000]),
      ran(1),
      signal('SIGTERM'),
      ends(),
      note(({ daemon }) => monthsBehind(daemon?.stdout ?? '')),
    ],
    ran: [opened],
    differs: {
      why: 'knockd counts months from 0',
      knockd: { notes: ['behind by 1'] },
      ours: { notes: ['behind by 0'] },
    },
  },
  {
    name: 'keys in any case, blanks, aliases, comments, what atoi leaves',
    configuration: `
   # a comment
\t[door]\t
SEQUENCE=7000 ,\t8000:UDP,9000 # no comment
  Timeout =  5 seconds
   tcpFLAGS=SYN
  Command   =   echo open %IP% >> /mnt/ran   
`,
    steps: [knock([7000, '8000:udp', 9000])],
    ran: [opened],
  },
  {
    name: 'a configuration without doors',
    configuration: '',
    steps: [],
    ran: [],
  },
  {
    name: 'a configuration with a mistake',
    configuration: '[door]\n  sequence = 7000\n  sekwence = 7000\n',
    steps: [ends(), note(({ daemon }) => `${daemon?.output.includes('config: line 3: syntax error')}`)],
    ran: [],
  },
  {
    name: 'a configuration that is not there',
    configuration: '',
    steps: [statusOf(['-i', 'eth0', '-c', '/mnt/absent.conf'])],
    ran: [],
  },
  {
    name: '-V and -h print and end',
    configuration: '',
    steps: [statusOf(['-V']), statusOf(['--version']), statusOf(['-h']), statusOf(['--help'])],
    ran: [],
  },
  {
    name: 'an option that is none',
    configuration: '',
    steps: [statusOf(['-i', 'eth0', '--nonsense']), statusOf(['-x'])],
    ran: [],
    differs: {
      why: 'what is refused is no success',
      knockd: { notes: ['0', '0'] },
      ours: { notes: ['2', '2'] },
    },
  },
  {
    name: 'an interface that is not there',
    configuration: door('7000'),
    options: ['-i', 'nowhere0'],
    steps: [ends()],
    ran: [],
  },
];

function monthsBehind(printed: string): string {
  const [, month] = /^\d{4}-(\d\d)-\d\d \d\d:\d\d:\d\d: tcp/m.exec(printed) ?? [];
  return `behind by ${(new Date().getMonth() + 1 - Number(month) + 12) % 12}`;
}

/** The messages without stamps. */
function syslogged(text: string): string {
  return text
    .replaceAll(/^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d /gm, '$1')
    .replaceAll(/^<\d+>knockd: (.*)\n/gm, (line, message) => (ofOurs.test(message) ? '' : line));
}

/** How one more of it ends. */
function statusOf(options: readonly string[]): Step {
  return note(async trial => {
    const { daemon } = trial;
    const { status } = await trial.start(options).end();
    trial.daemon = daemon;
    return `${status}`;
  });
}
