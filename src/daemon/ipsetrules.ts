/** Rules of iptables with `-m sigknock` → rules of iptables that look into our ipsets. */
import { joinWords, type Line, type RuleLine } from './iptables.js';
import { namedSet } from './setnames.js';

/** Two processors may let a packet in before either has taken its source out: of those at once, the first passes. */
function onlyFirst(chain: string): string[] {
  const limit =
    '--hashlimit-above 1/sec --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-htable-expire 1000';
  return ['-m', 'hashlimit', ...limit.split(' '), '--hashlimit-name', chain, '-j', 'RETURN'];
}

/** @param clientOf the client that a user id is of */
export function toIpset(lines: readonly Line[], clientOf: (uid: string) => string): string {
  let chains = 0;
  return lines
    .map(line => {
      if (line.kind === 'comment') return `# ${line.text}`.trimEnd();
      if (line.kind === 'other' && line.text.includes('sigknock'))
        return line.text.replaceAll(/^/gm, '# not translated: ');
      if (line.kind !== 'rule' || line.sigknock === undefined) return line.text;
      const { ipv4, ipv6 } = namedSet('client', clientOf(line.sigknock.uid));
      const set = line.family === 4 ? ipv4 : ipv6;
      if (!line.sigknock.closes) return ruleText(line, set, line.words);
      chains++;
      return closingText(line, set, `sigknock_${chains}`);
    })
    .map(line => `${line}\n`)
    .join('');
}

function ruleText(line: RuleLine, set: string, words: readonly string[]): string {
  const { program, table, command, chain, sigknock, sigknockAt: at } = line;
  const inverted = sigknock?.isInverted === true ? ['!'] : [];
  const match = ['-m', 'set', ...inverted, '--match-set', set, directionOf(line)];
  const all = [command, chain, ...words.slice(0, at), ...match, ...words.slice(at)];
  return joinWords([...program, ...tableOf(program, table), ...all]);
}

/** What iptables-save writes has said the table before. */
function tableOf(program: readonly string[], table: string): string[] {
  return program.length === 0 || table === 'filter' ? [] : ['-t', table];
}

/** Traffic that this machine sends is the client's where it goes to. */
function directionOf({ chain }: RuleLine): 'src' | 'dst' {
  return chain === 'OUTPUT' ? 'dst' : 'src';
}

/** What the rule does goes into a chain of its own, behind what takes the source out. */
function closingText(line: RuleLine, set: string, chain: string): string {
  const { program, table, words } = line;
  const targetAt = words.findIndex(word => ['-j', '--jump', '-g', '--goto'].includes(word));
  const next = words.findIndex(
    (word, index) => index > targetAt + 1 && ['-m', '--match', '-p', '-s', '-d', '-i', '-o'].includes(word),
  );
  const target = targetAt < 0 ? [] : words.slice(targetAt, next < 0 ? undefined : next);
  const conditions =
    targetAt < 0 ? [...words] : [...words.slice(0, targetAt), ...(next < 0 ? [] : words.slice(next))];
  const start = [...program, ...tableOf(program, table)];
  const into = (...rest: readonly string[]) => joinWords([...start, '-A', chain, ...rest]);
  return [
    joinWords([...start, '-N', chain]),
    into(...onlyFirst(chain)),
    into('-j', 'SET', '--del-set', set, directionOf(line)),
    ...(target.length === 0 ? [] : [into(...target)]),
    ruleText({ ...line, sigknockAt: Math.min(line.sigknockAt, conditions.length) }, set, [
      ...conditions,
      '-j',
      chain,
    ]),
  ].join('\n');
}
