/**
 * Configurations as people have them, each to the letter: those of knockd's manual page, of Debian's package, and of
 * "Implement Port-Knocking Security with knockd" (Linux Journal 189). Only the interface is said on the command line.
 */
import { eventually } from '../harness/eventually.js';
import { first, type Step, sixth, type Trial } from '../harness/knockd.js';
import type { Scenario } from '../harness/scenario.js';
import { knock, logged, note, segments } from '../harness/steps.js';
import { pcapLines } from './daemon.js';

const manualLog = '/var/log/knockd.log';
const sequences = '/etc/knockd/smtp_sequences';
const [address, address6] = [first.client, sixth.client];

const debian = `[options]
	UseSyslog

[openSSH]
	sequence    = 7000,8000,9000
	seq_timeout = 5
	command     = /sbin/iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
	tcpflags    = syn

[closeSSH]
	sequence    = 9000,8000,7000
	seq_timeout = 5
	command     = /sbin/iptables -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
	tcpflags    = syn

[openHTTPS]
	sequence    = 12345,54321,24680,13579
	seq_timeout = 5
	command     = /usr/local/sbin/knock_add -i -c INPUT -p tcp -d 443 -f %IP%
	tcpflags    = syn

`;

const manual1 = `[options]
	logfile = /var/log/knockd.log

[openSSH]
	sequence    = 7000,8000,9000
	seq_timeout = 10
	tcpflags    = syn
	command     = /sbin/iptables -A INPUT -s %IP% --dport 22 -j ACCEPT

[closeSSH]
	sequence    = 9000,8000,7000
	seq_timeout = 10
	tcpflags    = syn
	command     = /sbin/iptables -D INPUT -s %IP% --dport 22 -j ACCEPT

`;

const manual2 = `[options]
	logfile = /var/log/knockd.log

[opencloseSSH]
	sequence      = 2222:udp,3333:tcp,4444:udp
	seq_timeout   = 15
	tcpflags      = syn,ack
	start_command = /usr/sbin/iptables -A INPUT -s %IP% -p tcp --syn -j ACCEPT
	cmd_timeout   = 5
	stop_command  = /usr/sbin/iptables -D INPUT -s %IP% -p tcp --syn -j ACCEPT

`;

const manual3 = `[options]
	logfile = /var/log/knockd.log

[opencloseSMTP]
	one_time_sequences = /etc/knockd/smtp_sequences
	seq_timeout        = 15
	tcpflags           = fin,!ack
	start_command      = /usr/sbin/iptables -A INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
	cmd_timeout        = 5
	stop_command       = /usr/sbin/iptables -D INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
	
`;

const manual4 = `[options]
	logfile = /var/log/knockd.log

[opencloseSMTP]
	one_time_sequences = /etc/knockd/smtp_sequences
	seq_timeout        = 15
	tcpflags           = fin,!ack
	start_command      = /usr/sbin/iptables -A INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
	start_command_6    = /usr/sbin/ip6tables -A INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
	cmd_timeout        = 5
	stop_command       = /usr/sbin/iptables -D INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
	stop_command_6     = /usr/sbin/ip6tables -D INPUT -s %IP% -p tcp --dport 25 -j ACCEPT
	
`;

/** The article shows it as knockd prints it. */
const article = `[opencloseSSH]
	sequence      = 7005,7006,7007
	seq_timeout   = 15
	tcpflags      = syn
	start_command = /usr/sbin/iptables -s %IP% -I input_ext 1 -p tcp --dport ssh -j ACCEPT
	cmd_timeout   = 30
	stop_command  = /usr/sbin/iptables -s %IP% -D input_ext -p tcp --dport ssh -j ACCEPT
`;

const rule22 = `-A INPUT -s ${address}/32 -p tcp -m tcp --dport 22 -j ACCEPT`;
const rule25 = `-A INPUT -s ${address}/32 -p tcp -m tcp --dport 25 -j ACCEPT`;
const rule25of6 = `-A INPUT -s ${address6}/128 -p tcp -m tcp --dport 25 -j ACCEPT`;
const ruleSyn = `-A INPUT -s ${address}/32 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT`;
const ruleArticle = `-A input_ext -s ${address}/32 -p tcp -m tcp --dport 22 -j ACCEPT`;

export const wild: readonly Scenario[] = [
  {
    name: "the article's, by its three knocks",
    configuration: article,
    bare: { log: '/mnt/log' },
    options: ['-i', 'eth0', '-D'],
    steps: [
      async ({ server }) => void (await server.exec('/usr/sbin/iptables', ['-N', 'input_ext'])),
      ...[7005, 7006, 7007].map(port => knock([port])),
      rule(ruleArticle),
      noRule(ruleArticle, 35_000),
      logged('running command', 2),
    ],
    ran: [],
    output: true,
    differs: { why: 'there is no pcap, and no list to remove from', unsaid: pcapLines, knockd: {}, ours: {} },
  },
  {
    name: "Debian's",
    configuration: debian,
    bare: { log: '/mnt/log' },
    steps: [
      knock([7000, 8000, 9000]),
      rule(rule22),
      knock([9000, 8000, 7000]),
      noRule(rule22),
      knock([12345, 54321, 24680, 13579]),
      logged('openHTTPS: command returned non-zero status code (127)'),
    ],
    ran: [],
  },
  {
    name: "the manual's first, whose commands iptables refuses",
    configuration: manual1,
    bare: { log: manualLog },
    steps: [
      knock([7000, 8000, 9000]),
      logged('openSSH: command returned non-zero status code (2)', 1, manualLog),
      knock([9000, 8000, 7000]),
      logged('closeSSH: command returned non-zero status code (2)', 1, manualLog),
    ],
    ran: [],
  },
  {
    name: "the manual's second, UDP around an answer to no question",
    configuration: manual2,
    bare: { log: manualLog },
    steps: [
      knock(['2222:udp', 3333, '4444:udp']),
      knock(['2222:udp']),
      segments({ flags: 'syn,ack', port: 3333 }),
      knock(['4444:udp']),
      rule(ruleSyn),
      noRule(ruleSyn),
      logged('running command', 2, manualLog),
    ],
    ran: [],
  },
  {
    name: "the manual's third, one-time sequences of FINs",
    configuration: manual3,
    files: { [sequences]: ' 1111,1112,1113\n 2111,2112,2113\n 3111,3112\n' },
    bare: { log: manualLog },
    steps: [
      segments(...[1111, 1112, 1113].map(port => ({ flags: 'fin', port }))),
      rule(rule25),
      noRule(rule25),
      logged('running command', 2, manualLog),
      segments(...[2111, 2112, 2113].map(port => ({ flags: 'fin', port }))),
      rule(rule25),
      note(trial => trial.read(sequences)),
      noRule(rule25),
      logged('running command', 4, manualLog),
    ],
    ran: [],
  },
  {
    name: "the manual's fourth, over IPv6 and IPv4",
    configuration: manual4,
    files: { [sequences]: ' 1111:udp,1112:udp\n 2111:udp,2112:udp\n 3111,3112\n' },
    bare: { log: manualLog },
    steps: [
      knock(['1111:udp', '1112:udp'], { way: sixth }),
      rule(rule25of6, 'ip6tables'),
      noRule(rule25of6, 8000, 'ip6tables'),
      logged('running command', 2, manualLog),
      knock(['2111:udp', '2112:udp']),
      rule(rule25),
      noRule(rule25),
      logged('running command', 4, manualLog),
      note(trial => trial.read(sequences)),
    ],
    ran: [],
  },
];

/** Waits until the firewall has it. */
function rule(line: string, program = 'iptables'): Step {
  return async trial => {
    await eventually(`${trial.kind}: ${line}`, async () => (await rules(trial, program)).includes(line));
  };
}

function noRule(line: string, deadlineMs = 8000, program = 'iptables'): Step {
  return async trial => {
    const gone = async () => !(await rules(trial, program)).includes(line);
    await eventually(`${trial.kind}: no ${line}`, gone, deadlineMs);
  };
}

async function rules({ server }: Trial, program: string): Promise<string> {
  return server.exec(`/usr/sbin/${program}`, ['-S']);
}
