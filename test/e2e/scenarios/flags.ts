/** TCP flags, targets and interfaces: which packets count at all. */
import { beyond, first, second, sixth } from '../harness/knockd.js';
import type { Scenario } from '../harness/scenario.js';
import { knock, ran, segments } from '../harness/steps.js';

const ports = [7000, 8000, 9000];
const opened = `open ${first.client}`;

function door(directives: string): string {
  return `
[door]
  sequence = 7000,8000,9000
  command = echo open %IP% >> /mnt/ran
  ${directives}
`;
}

/** One segment with these flags to each port. */
function flagged(flags: string, to: readonly number[] = ports) {
  return segments(...to.map(port => ({ flags, port })));
}

export const flags: readonly Scenario[] = [
  {
    name: 'syn: connects count',
    configuration: door('tcpflags = syn'),
    steps: [knock(ports)],
    ran: [opened],
  },
  {
    name: 'syn: an answer counts as well',
    configuration: door('tcpflags = syn'),
    steps: [flagged('syn,ack')],
    ran: [opened],
  },
  {
    name: 'syn: what has it not is passed over',
    configuration: door('tcpflags = syn'),
    steps: [knock([7000]), flagged('ack', [7000, 9000]), knock([8000, 9000])],
    ran: [opened],
  },
  {
    name: 'syn,!ack: an answer is passed over',
    configuration: door('TCPFlags = syn,!ack'),
    steps: [flagged('syn,ack'), knock([7000]), flagged('syn,ack', [9000]), knock([8000, 9000])],
    ran: [opened],
  },
  {
    name: 'fin,!ack: connects do not count, a FIN does',
    configuration: door('tcpflags = fin,!ack'),
    steps: [knock(ports), flagged('fin,ack'), flagged('fin')],
    ran: [opened],
  },
  {
    name: 'syn,ack: both at once count, one does not',
    configuration: door('tcpflags = SYN,ACK'),
    steps: [knock(ports), flagged('ack'), flagged('syn,ack')],
    ran: [opened],
  },
  {
    name: 'psh,urg,!syn,!fin,!rst',
    configuration: door('tcpflags = psh,urg,!syn,!fin,!rst'),
    steps: [flagged('psh'), flagged('psh,urg,fin'), flagged('psh,urg,ack')],
    ran: [opened],
  },
  {
    name: '!syn alone',
    configuration: door('tcpflags = !syn'),
    steps: [knock(ports), flagged('rst')],
    ran: [opened],
  },
  {
    name: 'without flags every segment counts',
    configuration: door(''),
    steps: [
      segments({ flags: 'ack', port: 7000 }, { flags: 'rst', port: 8000 }, { flags: 'fin', port: 9000 }),
    ],
    ran: [opened],
  },
  {
    name: 'without flags an ACK of a connection breaks an attempt',
    configuration: door(''),
    steps: [knock([7000]), flagged('ack', [7000]), knock([8000, 9000])],
    ran: [],
  },
  {
    name: 'flags that only another door asks for are passed over',
    configuration: `${door('tcpflags = syn')}
[other]
  sequence = 9000,8000
  tcpflags = fin
  command = echo other >> /mnt/ran
`,
    steps: [knock([7000]), flagged('fin', [9000]), knock([8000]), flagged('fin', [8000]), knock([9000])],
    ran: [opened],
  },
  {
    name: 'two doors with one sequence are told apart by flags',
    configuration: `${door('tcpflags = syn')}
[other]
  sequence = 7000,8000,9000
  tcpflags = fin,!syn
  command = echo other >> /mnt/ran
`,
    steps: [flagged('fin'), ran(1), knock(ports)],
    ran: ['other', opened],
  },
  {
    name: 'flags do not concern UDP',
    configuration: door('tcpflags = syn,!ack').replace('8000', '8000:udp'),
    steps: [knock([7000, '8000:udp', 9000])],
    ran: [opened],
  },
  {
    name: 'a target beyond: its packets count, those for the server do not',
    configuration: door(`target = ${beyond.server}`),
    steps: [knock(ports), knock(ports, { way: beyond })],
    ran: [opened],
  },
  {
    name: 'without a target what is forwarded does not count',
    configuration: door(''),
    steps: [
      knock(ports, { way: beyond }),
      knock([7000]),
      knock([9000], { way: beyond }),
      knock([8000, 9000]),
    ],
    ran: [opened],
  },
  {
    name: "a target of the server's own: its other addresses do not count",
    configuration: door(`target = ${second.server}`),
    steps: [knock(ports), knock(ports, { way: second })],
    ran: [`open ${second.client}`],
  },
  {
    name: 'a target of the other family',
    configuration: door(`target = ${sixth.server}`),
    steps: [knock(ports), knock(ports, { way: sixth })],
    ran: [`open ${sixth.client}`],
  },
  {
    name: 'two doors for two targets with one sequence',
    configuration: `${door(`target = ${first.server}`)}
[other]
  sequence = 7000,8000,9000
  target = ${second.server}
  command = echo other %IP% >> /mnt/ran
`,
    steps: [knock(ports, { way: second })],
    ran: [`other ${second.client}`],
  },
  {
    name: 'an attempt may go to several addresses of the server',
    configuration: door(''),
    steps: [
      segments(
        { flags: 'syn', port: 7000 },
        { flags: 'syn', port: 8000, destination: second.server },
        { flags: 'syn', port: 9000 },
      ),
    ],
    ran: [opened],
  },
  {
    name: 'the interface is that of the configuration',
    configuration: `[options]\n  interface = eth0\n${door('')}`,
    options: [],
    steps: [knock(ports)],
    ran: [opened],
  },
  {
    name: 'the interface is eth0 by default',
    configuration: door(''),
    options: [],
    steps: [knock(ports)],
    ran: [opened],
  },
  {
    name: 'the command line goes before the configuration, for the interface',
    configuration: `[options]\n  interface = nowhere0\n${door('')}`,
    steps: [knock(ports)],
    ran: [opened],
  },
];
