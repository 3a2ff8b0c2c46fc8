/** `portknock ca`: a program of its own beside this one, so that its libraries are loaded for it alone. */
import { createRequire } from 'node:module';
import type { Invocation } from './invocation.js';

/** @returns the exit status */
export function runAuthority(invocation: Extract<Invocation, { form: 'ca' }>): Promise<number> {
  const load = createRequire(import.meta.url);
  // What scripts/bundle.mjs makes of ca/main.ts.
  const program = load('./authority.cjs') as typeof import('./ca/main.js');
  return program.run(invocation.words, invocation.options);
}
