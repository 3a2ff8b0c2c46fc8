/** `portknockd check`: rules of the administrator's own as nft and the kernel see them, where they may be asked. */
import { OperatorError } from '../system/error.js';
import type { Config } from './config.js';
import { tryTable } from './firewall.js';

/** @returns what to say @throws OperatorError with file and line where they are refused */
export async function tryRules(config: Config): Promise<string> {
  const { rules } = config.firewall;
  if (rules.length === 0) return '';
  const files = rules.map(({ path }) => path).join(', ');
  try {
    await tryTable(config);
    return `rules           ${files}: taken by nft\n`;
  } catch (error) {
    if (!(error instanceof OperatorError) || !['not-permitted', 'no-nft'].includes(error.code)) throw error;
    const why = error.code === 'no-nft' ? 'nft is not installed' : 'only root may ask the kernel';
    return `rules           ${files}: not tried with nft, for ${why}\n`;
  }
}
