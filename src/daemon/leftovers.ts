/**
 * What is in the kernel's table and in no configuration any more: chains above all, for one with a policy would go on
 * dropping after its file is gone.
 *
 * All that rules of the administrator's own have made counts as such, and is made anew: so what their files say is what there
 * is. What our own sets hold stays.
 */
import type { Config } from './config.js';
import { namedSets, setNames } from './namedsets.js';
import { reservedNames } from './rules.js';
import { namedSetPattern } from './setnames.js';
import { tableName, tableText } from './table.js';

/** What can stand in a table, in the order in which it can be taken away: first what refers to others. */
const kinds = [
  'map',
  'set',
  'chain',
  'flowtable',
  'counter',
  'quota',
  'limit',
  'synproxy',
  'secmark',
] as const;
const helpers = ['ct helper', 'ct timeout', 'ct expectation'] as const;
const linePattern = new RegExp(`^\\t(${[...kinds, ...helpers].join('|')}) (\\S+) \\{`, 'gm');

/**
 * The commands that take it away, for a table whose rules are flushed.
 * @param listing as nft lists the table
 * @param isSame whether the rules of the administrator's own are those that were loaded before: then nothing of theirs is
 * made anew, for a chain that drops would drop for a moment what its rules let pass
 */
export function deletionsFor(listing: string, config: Config, isSame: boolean): string {
  const named = new Set(Object.values(setNames(namedSets(config))).flat());
  const chains = new Set(
    [...tableText(config).matchAll(/^ {2}chain (\S+) \{$/gm)].map(([, name = '']) => name),
  );
  const found = [...listing.matchAll(linePattern)].map(([, kind = '', name = '']) => ({ kind, name }));
  const isKept = ({ kind, name }: { readonly kind: string; readonly name: string }) => {
    if (kind === 'set' && (namedSetPattern.test(name) || reservedNames.has(name)))
      return named.has(name) || reservedNames.has(name);
    // A chain of ours that hangs nowhere does nothing.
    if (kind === 'chain' && reservedNames.has(name)) return chains.has(name) || !isBase(listing, name);
    return isSame;
  };
  return [...kinds, ...helpers]
    .flatMap(kind => found.filter(each => each.kind === kind && !isKept(each)))
    .map(({ kind, name }) => `delete ${kind} inet ${tableName} ${name}\n`)
    .join('');
}

function isBase(listing: string, chain: string): boolean {
  return listing.includes(`\tchain ${chain} {\n\t\ttype `);
}
