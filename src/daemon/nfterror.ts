/** What nft says of a text of ours, told with the file and line of the administrator's own rules where it is about them. */
import { OperatorError, type Place } from '../system/error.js';
import type { RulesFile } from './config.js';

/** The line before the rules of others, in the text of the table. */
export const rulesMark = '  # rules.d';

/** @param errors what nft wrote @param text what it read */
export function nftFailed(errors: string, text: string, rules: readonly RulesFile[]): OperatorError {
  const [first = 'no reason given'] = errors.split('\n').filter(line => line !== '');
  const message = first.replace(/^Error: /, '').replace(/^.*?: Error: /, '');
  if (message.includes('Operation not permitted')) {
    return new OperatorError('not-permitted', 'nft: not permitted to change the firewall', {
      hint: 'run as root, or with CAP_NET_ADMIN',
    });
  }
  const line = Number(/^(?:\/dev\/stdin|-):(\d+):/.exec(first)?.[1]);
  return new OperatorError('nft-failed', `nft: ${message}`, placeIn(line, text, rules));
}

/** Where a line of the whole text stands in a file of rules; nothing where it is ours. */
function placeIn(line: number, text: string, rules: readonly RulesFile[]): Place {
  let at = text.indexOf(rulesMark);
  if (at < 0 || Number.isNaN(line)) return {};
  for (const { path, text: own } of rules) {
    at = text.indexOf(own, at);
    const first = text.slice(0, at).split('\n').length;
    const lines = own.split('\n').length;
    if (line >= first && line < first + lines) return { file: path, line: line - first + 1 };
    at += own.length;
  }
  return {};
}
