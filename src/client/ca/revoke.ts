/** `portknock ca revoke` and `crl`: what counts for nothing from now on. */
import { closestMatch } from 'leven';
import { OperatorError } from '../../system/error.js';
import { newListFile, readSigner, revocationFile, tellList } from './authority.js';
import { daysArgument } from './days.js';
import { usualListDays, type Work } from './issue.js';
import { type Issue, inDate, parseSerial, readIssues, revocationPath } from './records.js';
import { dayText, hint, tell, warn } from './told.js';

/** Revokes a certificate, or all in date of a name. @throws OperatorError */
export async function revoke({ folder, options, now }: Work, wanted: string): Promise<void> {
  const signer = readSigner(folder);
  warnOfEnd(signer.until, now);
  const revoked = choose(readIssues(folder), wanted, now);
  const days = daysArgument(options.days, usualListDays);
  const revoking = revoked.map(({ serial }) => serial);
  const list = await newListFile(folder, signer, { days, now, revoking });
  folder.commit([...revoking.map(serial => revocationFile(revocationPath(serial), now)), list]);
  for (const { name, kind, serial } of revoked) tell(`revoked ${name} (${kind}), serial ${serial}`);
  tellList(folder, list.until);
  hint('servers refuse it when they have the list: at once with SIGHUP, else within crl_refresh');
}

/** Writes the list anew. @throws OperatorError */
export async function renewList({ folder, options, now }: Work): Promise<void> {
  const signer = readSigner(folder);
  warnOfEnd(signer.until, now);
  const list = await newListFile(folder, signer, { days: daysArgument(options.days, usualListDays), now });
  folder.commit([list]);
  tellList(folder, list.until);
}

function warnOfEnd(until: number, now: number): void {
  if (until < now) warn(`the CA has expired: it was in date until ${dayText(until)}`);
}

/** By serial number as any program writes it, else by name. @throws OperatorError */
function choose(issues: readonly Issue[], wanted: string, now: number): Issue[] {
  const serial = parseSerial(wanted);
  const one = issues.find(issue => issue.serial === serial);
  if (one?.revokedAt !== undefined) {
    throw new OperatorError(
      'already-revoked',
      `${one.name}, serial ${serial}, was revoked on ${dayText(one.revokedAt)}`,
      {
        hint: 'for the list: portknock ca crl',
      },
    );
  }
  if (one !== undefined) return [one];
  const found = inDate(issues, wanted, now);
  if (found.length > 0) return found;
  const names = [...new Set(issues.map(({ name }) => name))];
  if (names.includes(wanted)) {
    throw new OperatorError(
      'nothing-in-date',
      `no certificate of "${wanted}" is in date: all have expired or are revoked`,
      {
        hint: 'see: portknock ca list; one that has expired can be revoked by its serial number',
      },
    );
  }
  const near = closestMatch(wanted, names, { maxDistance: 2 });
  throw new OperatorError('unknown-name', `no certificate of "${wanted}" was issued`, {
    hint: near === undefined ? 'see: portknock ca list' : `did you mean "${near}"?`,
  });
}
