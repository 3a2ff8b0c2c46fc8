/** Rules of iptables with sigknock's match, and what they become. That kernels take both: test/e2e/translate.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinWords, splitWords } from '../../src/daemon/iptables.js';
import { readUserIds, translate } from '../../src/daemon/translate.js';
import { temporaryFolder, writeFile } from './folder.js';

const users = [{ client: 'jd', openpgp: ['John Doe <john@doe.com>'] }];
const nft = (text: string) => translate(text, { backend: 'nftables', users }).split('\n').slice(1).join('\n');
const ipset = (text: string) => translate(text, { backend: 'ipset', users }).split('\n').slice(1).join('\n');

/** The seed's four lines. */
const scenario = `// we accept already established connections to the ssh-port
iptables -A INPUT -p tcp --dport 22 -m state --state ESTABLISHED -j ACCEPT
iptables -A OUTPUT -p tcp --sport 22 -m state --state ESTABLISHED -j ACCEPT

iptables -A INPUT -p tcp --dport 22 -m state --state NEW -m sigknock --uid \\
"John Doe <john@doe.com>" --close-after-syn -j ACCEPT

iptables -A INPUT -p tcp --dport 22 -j DROP
`;

test('the scenario in nftables', () => {
  assert.equal(
    nft(scenario),
    `set sigknock_1 {
  type ipv4_addr
  size 65535
  flags dynamic,timeout
  timeout 1s
}
chain filter_input {
  type filter hook input priority filter; policy accept;
  # we accept already established connections to the ssh-port
  meta nfproto ipv4 tcp dport 22 ct state established accept
  tcp dport 22 ct state new ip saddr @client_jd update @sigknock_1 { ip saddr limit rate 1/second burst 1 packets } delete @client_jd { ip saddr } accept
  meta nfproto ipv4 tcp dport 22 drop
}
chain filter_output {
  type filter hook output priority filter; policy accept;
  meta nfproto ipv4 tcp sport 22 ct state established accept
}
`,
  );
});

test('the scenario with ipsets: only the line with the match is another', () => {
  assert.equal(
    ipset(scenario),
    `# we accept already established connections to the ssh-port
iptables -A INPUT -p tcp --dport 22 -m state --state ESTABLISHED -j ACCEPT
iptables -A OUTPUT -p tcp --sport 22 -m state --state ESTABLISHED -j ACCEPT

iptables -N sigknock_1
iptables -A sigknock_1 -m hashlimit --hashlimit-above 1/sec --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-htable-expire 1000 --hashlimit-name sigknock_1 -j RETURN
iptables -A sigknock_1 -j SET --del-set client_jd src
iptables -A sigknock_1 -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -m state --state NEW -m set --match-set client_jd src -j sigknock_1

iptables -A INPUT -p tcp --dport 22 -j DROP
`,
  );
});

/** A rule, and what it is in nftables. */
for (const [line, expected] of [
  ['iptables -A INPUT -m sigknock --uid john@doe.com -j ACCEPT', 'ip saddr @client_jd accept'],
  ['iptables -A INPUT -m sigknock --uid "John Doe" -j ACCEPT', 'ip saddr @client_jd accept'],
  ["ip6tables -A INPUT -m sigknock ! --uid 'John Doe' -j DROP", 'ip6 saddr != @client6_jd drop'],
  ['iptables -A OUTPUT -m sigknock --uid "John Doe" -j ACCEPT', 'ip daddr @client_jd accept'],
  [
    'iptables -t nat -A POSTROUTING -o ppp+ -m sigknock --uid "John Doe" -j MASQUERADE',
    'oifname "ppp*" ip saddr @client_jd masquerade',
  ],
  [
    'iptables -N mine\niptables -w -A FORWARD -i eth0 -p icmp -j mine',
    'meta nfproto ipv4 meta l4proto icmp iifname "eth0" jump filter_mine',
  ],
  [
    'iptables -A INPUT -s 10.0.0.0/8 -p udp -m udp --dport 1:9 -j REJECT',
    'ip saddr 10.0.0.0/8 udp dport 1-9 reject',
  ],
  [
    'iptables -A INPUT ! -s 10.0.0.1 -p tcp --syn',
    'ip saddr != 10.0.0.1 tcp flags & (fin|syn|rst|ack) == syn',
  ],
  [
    'iptables -A INPUT -p tcp -m multiport --dports 22,80 -j DROP',
    'meta nfproto ipv4 tcp dport { 22, 80 } drop',
  ],
  [
    'iptables -A INPUT -m limit --limit 1/s -j ACCEPT',
    '# not translated: iptables -A INPUT -m limit --limit 1/s -j ACCEPT',
  ],
  ['iptables -A INPUT -j LOG', '# not translated: iptables -A INPUT -j LOG'],
  ['iptables -A INPUT -p tcp --dport 1024: -j DROP', 'meta nfproto ipv4 tcp dport 1024-65535 drop'],
  ['iptables -A INPUT -p udp --sport :53 -j DROP', 'meta nfproto ipv4 udp sport 0-53 drop'],
  ['iptables -A INPUT -s 10.0.0.0/255.240.0.0 -j DROP', 'ip saddr 10.0.0.0/12 drop'],
  [
    'iptables -A INPUT ! --dst 10.0.0.1/255.255.255.255,10.1.0.0/16 -j DROP',
    'ip daddr != { 10.0.0.1/32, 10.1.0.0/16 } drop',
  ],
  [
    'iptables -A INPUT -s 10.0.0.0/255.0.255.0 -j DROP',
    '# not translated: iptables -A INPUT -s 10.0.0.0/255.0.255.0 -j DROP',
  ],
  ['iptables -A INPUT -j nowhere', '# not translated: iptables -A INPUT -j nowhere'],
  ['[3:180] -A INPUT -m sigknock --uid "John Doe" -j ACCEPT', 'ip saddr @client_jd accept'],
  ['iptables -I INPUT 3 -j DROP', '# not translated: iptables -I INPUT 3 -j DROP'],
  ["iptables -A INPUT -i 'a\" }' -j DROP", "# not translated: iptables -A INPUT -i 'a\" }' -j DROP"],
] as const) {
  test(`in nftables: ${line}`, () => {
    const rules = nft(`${line}\n`)
      .split('\n')
      .filter(text => text.startsWith('  '));
    assert.deepEqual(
      rules.filter(text => !text.includes(' hook ')),
      [`  ${expected}`],
    );
  });
}

for (const line of [
  'iptables -F',
  'modprobe ipt_sigknock',
  'iptables -A INPUT -m sigknock -j ACCEPT',
  'iptables -A INPUT -m sigknock --uid A --uid B -j ACCEPT',
  'iptables -A INPUT -m sigknock --uid A -m sigknock --uid B -j ACCEPT',
  'iptables -A "x { }" -j ACCEPT',
  'iptables -t security -A INPUT -j DROP',
  'iptables -P INPUT QUEUE',
  'iptables -A INPUT -m sigknock --uid "$JOHN" -j ACCEPT',
  'for x in 1 2; do',
]) {
  test(`nothing is dropped silently: ${line}`, () => {
    assert.equal(nft(`${line}\n`), `# not translated: ${line}\n`);
    assert.equal(
      ipset(`${line}\n`),
      line.includes('-m sigknock') || line.includes('sigknock') ? `# not translated: ${line}\n` : `${line}\n`,
    );
  });
}

test('a chain that is called as one of ours is another', () => {
  const rules = nft('iptables -N input\niptables -A input -j DROP\niptables -A INPUT -j input\n');
  assert.match(rules, /chain filter_own_input \{\n {2}meta nfproto ipv4 drop\n\}/);
  assert.match(rules, /chain filter_input \{\n {2}type .*\n {2}meta nfproto ipv4 jump filter_own_input\n\}/);
});

test('what iptables-save writes', () => {
  const saved = `# Generated by iptables-save
*filter
:INPUT DROP [0:0]
:mine - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -m sigknock --uid "Jane <jane@doe.com>" --close-after-syn -j mine
-A mine -j ACCEPT
COMMIT
`;
  const rules = translate(saved, { backend: 'nftables', users });
  assert.match(
    rules,
    /# no client has this user id yet: \[\[client\]\] name = "jane", openpgp = "Jane <jane@doe\.com>"/,
  );
  assert.match(rules, /delete @client_jane \{ ip saddr \} jump filter_mine\n {2}meta nfproto ipv4 drop\n\}/);
  assert.match(rules, /chain filter_mine \{\n {2}meta nfproto ipv4 accept\n\}/);
  const sets = ipset(saved).split('\n').slice(1);
  assert.deepEqual(sets.slice(4, 9), [
    '-N sigknock_1',
    '-A sigknock_1 -m hashlimit --hashlimit-above 1/sec --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-htable-expire 1000 --hashlimit-name sigknock_1 -j RETURN',
    '-A sigknock_1 -j SET --del-set client_jane src',
    '-A sigknock_1 -j mine',
    '-A INPUT -p tcp -m tcp --dport 22 -m set --match-set client_jane src -j sigknock_1',
  ]);
  assert.equal(sets.at(-2), 'COMMIT');
});

test('names that are made up are short, and no two are one', () => {
  const line = (uid: string) => `iptables -A INPUT -m sigknock --uid "${uid}" -j ACCEPT\n`;
  const uids = ['A name that is by far too long <a@x>', 'A name that is by far too long <b@x>', '<>', 'jd'];
  const rules = translate(uids.map(line).join(''), { backend: 'ipset', users });
  const names = [...rules.matchAll(/name = "([^"]+)"/g)].map(([, name]) => name!);
  assert.equal(new Set([...names, 'jd']).size, 5);
  assert.ok(
    names.every(name => /^[a-z0-9][a-z0-9-]{0,22}$/.test(name)),
    names.join(),
  );
});

test('user ids are found in a configuration that is not sound otherwise', t => {
  const text =
    'nonsense = 1\n[[client]]\nname = "jd"\nopenpgp = ["John Doe <john@doe.com>", "0x00"]\n[[client]]\nname = "x"\n';
  const file = writeFile(temporaryFolder(t), 'portknockd.toml', text);
  assert.deepEqual(readUserIds(file), [
    { client: 'jd', openpgp: ['John Doe <john@doe.com>', '0x00'] },
    { client: 'x', openpgp: [] },
  ]);
  assert.deepEqual(readUserIds(`${file}.none`), []);
});

test('words are joined so that they are split again as they were', () => {
  for (const words of [
    ['-A', 'x y'],
    ['a"b', "c'd", 'e\\f', '$g', '`h`'],
    ['!', '--uid', 'J <j@d>'],
  ])
    assert.deepEqual(splitWords(joinWords(words)), words);
});
