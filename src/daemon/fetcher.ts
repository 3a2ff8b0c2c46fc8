/**
 * The process that gets lists of revoked certificates and reads them, for the monitor: started for that alone, without
 * privileges and environment, with a deadline.
 *
 * On standard input comes one FetchTask, in JSON. On standard output goes what it has found, where that is news; on standard
 * error what came of it, a line each, for people; its status is one of `endings`.
 */
import { X509Certificate } from 'node:crypto';
import { text } from 'node:stream/consumers';
import {
  type IssuedList,
  isOlder,
  type ListFlaw,
  type ListIssuer,
  listIssuer,
  readList,
  splitLists,
} from '../crypto/revocation.js';
import { subjectOf } from './certificates.js';
import { download } from './download.js';
import { endings, type FetchTask, type Lists, parseLists, type Validators } from './lists.js';

const explanations: Readonly<Record<ListFlaw, string>> = {
  malformed: 'it is no list of revoked certificates, or damaged',
  'other-authority': 'none of the authorities of ca_file has issued it',
  'wrong-usage': 'its authority may not sign lists: key usage cRLSign is missing',
  'bad-signature': 'its signature is wrong',
  unsupported: 'it is not about all certificates of its authority: a delta, indirect or partial list',
  future: 'it is from the future: set the clock, here or where it was made',
};

/** What no list comes to, where none is required. */
const openEnd = ', so each certificate that it has issued is good until it expires';

/** Names of authorities in what is said of them. */
type Subjects = ReadonlyMap<string, string>;

class Fetcher {
  readonly #task: FetchTask;
  readonly #issuers: readonly ListIssuer[];
  readonly #subjects: Subjects;
  readonly #before: Lists;
  /** The newest list of each authority. */
  readonly #lists: Map<string, IssuedList>;
  readonly #flaws: string[] = [];
  #validators: Validators | undefined;

  constructor(task: FetchTask) {
    this.#task = task;
    const certificates = task.authorities.map(base64 => Buffer.from(base64, 'base64'));
    this.#issuers = certificates.map(listIssuer);
    this.#subjects = new Map(
      certificates.map((der, index) => [this.#issuers[index]!.name, subjectOf(new X509Certificate(der))]),
    );
    this.#before = parseLists(task.memory);
    const known = this.#before.lists.filter(({ authority }) => this.#subjects.has(authority));
    this.#lists = new Map(known.map(list => [list.authority, list]));
  }

  async run(): Promise<number> {
    const { file, url } = this.#task;
    if (file !== undefined) await this.#take('the file', Buffer.from(file, 'base64'));
    if (url !== undefined) await this.#fetch(url);
    const found: Lists = { lists: [...this.#lists.values()], validators: this.#validators };
    this.#judge();
    const output = JSON.stringify(found);
    // Nothing is news: the monitor need not write it again.
    if (output !== this.#task.memory) process.stdout.write(output);
    for (const line of [...this.#flaws, ...this.#summary()]) process.stderr.write(`${line}\n`);
    return this.#flaws.length === 0 ? endings.good : endings.poor;
  }

  async #fetch(url: string): Promise<void> {
    const authorities = [...this.#subjects.keys()];
    const before = this.#before.validators;
    const isSame = before?.url === url && JSON.stringify(before.authorities) === JSON.stringify(authorities);
    const known = isSame ? before : undefined;
    try {
      const { bytes, etag, modified } = await download(url, known, this.#task.timeoutMs);
      // An answer that was no use is asked for again.
      const isGood = bytes === undefined || (await this.#take('the server', bytes));
      const isTold = etag !== undefined || modified !== undefined;
      this.#validators =
        bytes === undefined ? known : isGood && isTold ? { url, authorities, etag, modified } : undefined;
    } catch (error) {
      this.#validators = known;
      this.#flaws.push(`cannot get the list: ${(error as Error).message}`);
    }
  }

  /** Keeps what is good and new of one source. @returns whether all of it was good */
  async #take(source: string, bytes: Buffer): Promise<boolean> {
    const before = this.#flaws.length;
    const lists = splitLists(bytes);
    if (lists.length === 0) this.#flaws.push(`the list of ${source} is not used: ${explanations.malformed}`);
    for (const der of lists) {
      const list = await readList(der, this.#issuers, Date.now());
      if (typeof list === 'string')
        this.#flaws.push(`a list of ${source} is not used: ${explanations[list]}`);
      else this.#keep(source, list);
    }
    return this.#flaws.length === before;
  }

  #keep(source: string, list: IssuedList): void {
    const known = this.#lists.get(list.authority);
    if (known === undefined || !isOlder(list, known)) this.#lists.set(list.authority, list);
    else if (source === 'the server' || this.#task.url === undefined) {
      const text = `of ${dateOf(list.from)}, older than the one that is known, of ${dateOf(known.from)}`;
      this.#flaws.push(`the list of ${source} is not used: it is ${text}`);
    }
  }

  /** What is wrong with what there is now, wherever it came from. */
  #judge(): void {
    for (const [name, subject] of this.#subjects) {
      const list = this.#lists.get(name);
      if (list === undefined && this.#task.required) this.#flaws.push(`there is no list of ${subject}`);
      if (list?.until !== undefined && list.until < Date.now()) {
        this.#flaws.push(`the list of ${subject} is out of date since ${dateOf(list.until)}`);
      }
    }
  }

  #summary(): string[] {
    return Array.from(this.#subjects, ([name, subject]) => {
      const list = this.#lists.get(name);
      if (list === undefined) return `${subject}: no list${this.#task.required ? '' : openEnd}`;
      const { serials, from, until } = list;
      const isOver = until !== undefined && until < Date.now();
      const span =
        until === undefined
          ? 'for ever'
          : `${isOver ? 'out of date since' : 'in date until'} ${dateOf(until)}`;
      return `${subject}: ${serials.length} revoked, issued ${dateOf(from)}, ${span}`;
    });
  }
}

/** `2026-11-21 17:00 UTC`. */
function dateOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? 'no day' : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

async function run(): Promise<void> {
  const task = JSON.parse(await text(process.stdin)) as FetchTask;
  const status = await new Fetcher(task).run();
  // A server may still hold its end of a connection.
  process.stdout.write('', () => process.exit(status));
}

void run();
