/** What a door runs, and how. */
import { first, second, sixth } from '../harness/knockd.js';
import type { Scenario } from '../harness/scenario.js';
import { knock, logged, note, pause, ran } from '../harness/steps.js';

const address = first.client;

/** A door that opens to one port, with these directives. */
function door(directives: string, name = 'door', port = 7000): string {
  return `
[${name}]
  sequence = ${port}
${directives}
`;
}

const startAndStop = `
  start_command = echo start %IP% >> /mnt/ran
  cmd_timeout = 1
  stop_command = echo stop %IP% >> /mnt/ran
`;

export const commands: readonly Scenario[] = [
  {
    name: 'the stop command runs after the command timeout',
    configuration: door(startAndStop),
    steps: [knock([7000]), ran(2)],
    ran: [`start ${address}`, `stop ${address}`],
  },
  {
    name: 'a command timeout of 0 stops at once',
    configuration: door(startAndStop.replace('= 1', '= 0')),
    steps: [knock([7000]), ran(2)],
    ran: [`start ${address}`, `stop ${address}`],
  },
  {
    name: 'without a stop command there is no command timeout',
    configuration: door('  command = echo start >> /mnt/ran\n  cmd_timeout = 1'),
    steps: [knock([7000]), pause(1500)],
    ran: ['start'],
  },
  {
    name: '%IP% may stand several times',
    configuration: door(`
  start_command = echo %IP%%IP% x%IP%y >> /mnt/ran
  cmd_timeout = 0
  stop_command = echo %IP%,%IP% >> /mnt/ran`),
    steps: [knock([7000]), ran(2)],
    ran: [`${address}${address} x${address}y`, `${address},${address}`],
  },
  {
    name: 'only %IP% is replaced',
    configuration: door("  command = echo '%PORT% %ip% %IP %DOOR% 100%' >> /mnt/ran"),
    steps: [knock([7000])],
    ran: ['%PORT% %ip% %IP %DOOR% 100%'],
  },
  {
    name: 'without a start command nothing runs, not even the stop command',
    configuration: door('  cmd_timeout = 0\n  stop_command = echo stop >> /mnt/ran'),
    steps: [knock([7000]), pause(500)],
    ran: [],
  },
  {
    name: 'with an empty start command nothing runs',
    configuration: door('  start_command =\n  cmd_timeout = 0\n  stop_command = echo stop >> /mnt/ran'),
    steps: [knock([7000]), pause(500)],
    ran: [],
  },
  {
    name: 'an empty stop command',
    configuration: door('  start_command = echo start >> /mnt/ran\n  cmd_timeout = 0\n  stop_command ='),
    steps: [knock([7000]), ran(1), pause(500)],
    ran: ['start'],
  },
  {
    name: 'a start command that fails, and the stop command still runs',
    configuration: door(`
  start_command = echo start >> /mnt/ran; exit 3
  cmd_timeout = 0
  stop_command = echo stop >> /mnt/ran; false`),
    steps: [knock([7000]), logged('status code', 2)],
    ran: ['start', 'stop'],
  },
  {
    name: 'a command that is not there',
    configuration: door('  command = /nowhere/command %IP%'),
    steps: [knock([7000]), logged('status code')],
    ran: [],
  },
  {
    name: 'a command that a signal ends',
    configuration: door('  command = kill -KILL $$'),
    steps: [knock([7000]), logged('running command'), pause(300)],
    ran: [],
  },
  {
    name: 'IPv6 has its own commands',
    configuration: door(`${startAndStop}
  start_command_6 = echo start6 %IP% >> /mnt/ran
  stop_command_6 = echo stop6 %IP% >> /mnt/ran`),
    steps: [knock([7000], { way: sixth }), ran(2), knock([7000]), ran(4)],
    ran: [`start6 ${sixth.client}`, `stop6 ${sixth.client}`, `start ${address}`, `stop ${address}`],
  },
  {
    name: 'IPv6 falls back to the others',
    configuration: door(startAndStop),
    steps: [knock([7000], { way: sixth }), ran(2)],
    ran: [`start ${sixth.client}`, `stop ${sixth.client}`],
  },
  {
    name: 'IPv6 falls back for the stop command alone',
    configuration: door(`${startAndStop}  command_6 = echo start6 %IP% >> /mnt/ran`),
    steps: [knock([7000], { way: sixth }), ran(2)],
    ran: [`start6 ${sixth.client}`, `stop ${sixth.client}`],
  },
  {
    name: 'an empty command for IPv6 runs nothing there',
    configuration: door(`${startAndStop}  start_command_6 =`),
    steps: [knock([7000], { way: sixth }), pause(1500), knock([7000]), ran(2)],
    ran: [`start ${address}`, `stop ${address}`],
  },
  {
    name: 'an empty stop command for IPv6',
    configuration: door(`${startAndStop}  stop_command_6 =`),
    steps: [knock([7000], { way: sixth }), ran(1), logged('command timeout'), pause(200)],
    ran: [`start ${sixth.client}`],
  },
  {
    name: 'a command for IPv6 alone',
    configuration: door('  start_command_6 = echo start6 %IP% >> /mnt/ran'),
    steps: [knock([7000]), knock([7000], { way: sixth }), ran(1)],
    ran: [`start6 ${sixth.client}`],
  },
  {
    name: 'a command of 4095 characters runs',
    configuration: door(`  command = ${longCommand(4095)}`),
    steps: [knock([7000]), ran(1)],
    ran: [longCommand(4095).replace('echo ', '').replace(' >> /mnt/ran', '').replaceAll('%IP%', address)],
  },
  {
    name: 'a command that %IP% makes too long does not run',
    configuration: door(`  command = ${longCommand(4096)}`),
    steps: [knock([7000]), logged('truncated')],
    ran: [],
  },
  {
    name: 'nor a start command with a stop command that is too long',
    configuration: door(`
  start_command = echo start >> /mnt/ran
  cmd_timeout = 0
  stop_command = ${longCommand(4096)}`),
    steps: [knock([7000]), logged('truncated')],
    ran: [],
  },
  {
    name: 'names of doors with blanks and signs',
    configuration: door('  command = echo start %IP% >> /mnt/ran', 'open the: door %s %IP% #1'),
    steps: [knock([7000]), ran(1)],
    ran: [`start ${address}`],
  },
  {
    name: 'a pipeline, lists and substitutions of the shell',
    configuration: door(
      '  command = true && { echo %IP% | tr . _; echo $((6 * 7)) `echo old`; } | sort -r >> /mnt/ran; : # not read',
    ),
    steps: [knock([7000]), ran(2)],
    ran: ['42 old', address.replaceAll('.', '_')].sort().reverse(),
  },
  {
    name: 'quotes, backslashes, equals and brackets',
    configuration: door(
      `  command = a="b = [c]"; printf '%s|' "$a" 'two  blanks' "it's" back\\\\slash >> /mnt/ran; echo >> /mnt/ran`,
    ),
    steps: [knock([7000]), ran(1)],
    ran: ["b = [c]|two  blanks|it's|back\\slash|"],
  },
  {
    name: 'a tab in a command',
    configuration: door('  command = echo "a\tb" >> /mnt/ran'),
    steps: [knock([7000]), ran(1)],
    ran: ['a\tb'],
  },
  {
    name: 'bytes that are no UTF-8, and others',
    configuration: door("  command = echo 'Tür ✓' | od -An -tx1 >> /mnt/ran"),
    steps: [knock([7000]), ran(1)],
    ran: [' 54 c3 bc 72 20 e2 9c 93 0a'],
  },
  {
    name: 'the environment, the folder and the user of commands',
    configuration: door('  command = echo "$INHERITED $PATH $0 $# $(pwd) $(id -u) $(umask)" >> /mnt/ran'),
    steps: [knock([7000]), ran(1)],
    ran: [`from the starter /usr/sbin:/usr/bin:/sbin:/bin sh 0 / 0 0022`],
  },
  {
    name: 'nothing is added to the environment of commands',
    configuration: door('  command = env | sort > /mnt/environment; echo . >> /mnt/ran'),
    steps: [knock([7000]), ran(1), note(trial => trial.read('/mnt/environment'))],
    ran: ['.'],
  },
  {
    name: 'a command that lasts keeps no other waiting',
    configuration: `${door('  command = sleep 1; echo slow >> /mnt/ran')}${door('  command = echo quick >> /mnt/ran', 'quick', 7001)}`,
    steps: [knock([7000]), logged('running command'), knock([7001]), ran(2)],
    ran: ['quick', 'slow'],
  },
  {
    name: 'a knock while open',
    configuration: door(startAndStop.replace('= 1', '= 4')),
    // A second before ours stops and after knockd does: this machine may have much else to do.
    steps: [
      knock([7000]),
      ran(1),
      pause(2000),
      knock([7000]),
      pause(3000),
      note(trial => `stopped meanwhile: ${trial.read('/mnt/ran').includes('stop')}`),
      pause(2000),
    ],
    ran: [`start ${address}`, `start ${address}`, `stop ${address}`, `stop ${address}`],
    differs: {
      why: 'a knock while open extends instead of doubling',
      knockd: { notes: ['stopped meanwhile: true'] },
      ours: {
        ran: [`start ${address}`, `stop ${address}`],
        notes: ['stopped meanwhile: false'],
        commands: [
          `door: running command: echo start ${address} >> /mnt/ran⏎`,
          `${address}: door: command timeout`,
          `door: running command: echo stop ${address} >> /mnt/ran⏎`,
        ],
      },
    },
  },
  {
    name: 'two sources have each their own stop command',
    configuration: door(startAndStop),
    steps: [knock([7000]), ran(1), knock([7000], { way: second }), ran(4)],
    ran: [address, second.client, address, second.client].map(
      (source, index) => `${index < 2 ? 'start' : 'stop'} ${source}`,
    ),
  },
  {
    name: 'a knock after the stop command starts again',
    configuration: door(startAndStop.replace('= 1', '= 0')),
    steps: [knock([7000]), ran(2), pause(200), knock([7000]), ran(4)],
    ran: [`start ${address}`, `stop ${address}`, `start ${address}`, `stop ${address}`],
  },
];

/** One that is so long when %IP% is replaced; the line that it stands on may not be longer than that either. */
function longCommand(length: number): string {
  const addresses = '%IP%'.repeat(40);
  const expanded = `echo ${addresses} >> /mnt/ran`.replaceAll('%IP%', address).length;
  return `echo ${addresses}${'x'.repeat(length - expanded)} >> /mnt/ran`;
}
